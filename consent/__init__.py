"""Consent as evidence, and as the answer to "may we?".

Purposes and notices are governed objects: what is asked, on which legal basis, in which words. The ledger is
append-only: each entry is the exact bytes of one decision of one person. From the entries follows where a person
stands on a purpose (`decisions`, pure; `audiences`, the same as SQL), and the gates ask that at collection and at
every read. It stands above profiles, which store what the gates let through, and below segments and enrichment, which
ask it and never decide themselves.
"""
