"""The only view of a person that rules and predictors get: three relations and the measures over them.

    scope(profile_id, now)                        who is asked about, and as of which moment
    people(profile_id, a typed column per trait read, extra columns)
    events(profile_id, name, ts, event_id, a typed column per property read)

Rules and predictors declare the columns they read, build Ibis expressions over them (`relations`, `measures`), and an
engine's writer (`postgres`, `duckdb`) says how the columns are made from what that engine stores. JSON access lives in
the writers and nowhere else. `values` is the one place that says when a stored value is a number, a moment, a text:
the Postgres writer states the same in SQL, and the generated tests hold the two together.

Nothing here imports Django.
"""
