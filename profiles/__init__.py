"""People: events come in, are resolved to a person, folded into traits, and read back with where each value came from.

It stands on `cdp` alone. What upper apps contribute (consent gates, segment evaluation, card sections) reaches it
through the ordered lists in settings and in no other way, so this package can be read without knowing them.
"""
