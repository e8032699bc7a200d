"""People, events and memberships as Parquet by day, for a purpose that permits it, from one moment, with a manifest.

`asking` takes a wish and records who has it, `gates` asks whom the purpose permits, `tables` says what leaves (upper
apps add theirs through EXPORT_TABLES), `writing` turns rows into files, `jobs` runs, expires and forgets. The views for
dbt are made by the migrations and documented in README.md.
"""
