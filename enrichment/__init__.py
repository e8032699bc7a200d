"""What we do not know yet about a person: enrichment, imputation, clusters and predictions, each written as a trait.

It stands beside ``segments`` and never sees it: a score becomes a trait with its provenance, and a rule reads it like
any other trait. Its work begins once the main job stands; until then the app holds its place in the house.
"""
