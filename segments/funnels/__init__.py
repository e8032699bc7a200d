"""Funnels: how many people do one thing after another, where they stop, and how long they take.

`definition` reads a funnel (its conditions are those of the rule language, read by the same parser), `reference` says
in plain Python what one means, `statement` says the same as one SQL statement, `report` counts and withholds, `saved`
keeps funnels with their history.
"""
