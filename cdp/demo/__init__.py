"""
A sample shop and its visitors, as a pure HTTP client.

It stands apart because it uses the product exactly as a customer would: it knows a base URL, keys and logins, and
nothing of Django, the database or the other apps. `people`, `visits` and `histories` decide what happens (seeded, no
clock, no network), `client` carries it over HTTP, `live` keeps visitors coming, `rules` brings segments to life in two
people's sessions, and `report` asks the product what became of it all.
"""
