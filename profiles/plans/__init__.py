"""Sources and their tracking plans: which events a source may send, what they hold, and what becomes of the others.

The pure part stands by itself: `plan` reads a plan, `schemas` says which JSON Schemas it may hold, `checking` judges an
event, `learning` writes a plan from what was sent, `segment` and `iglu` spell it for others. Around it: `sources` and
`tracking_plans` are the governed objects, `gate` asks the plan about what comes in, `violations` counts what it finds.
"""
