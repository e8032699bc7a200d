"""The tables of people as they were: the names that a compiled statement reads, told again as of a moment.

A statement of `postgres` reads `profile`, `origin` and `events`. `WITH` in front of it gives these names another
meaning, and its text stays what it is: what is asked about the past is asked by the very statement that decides the
present. Whoever adds a table to the relations adds its past here, or in the app that owns it.

Two bounds tell what counts. `known`: until when the platform had heard of it. `observed`: until when it had happened.
Known then: known = the moment, observed = infinity. As known today: known = infinity, observed = the moment. What a
statement compares with its own `now` (events, windows) needs no bound of that kind.
"""

from collections.abc import Mapping

from profiles.facts.contexts import LAST_TIME_ZONE
from profiles.facts.postgres import IDS

KNOWN = "%(known)s::timestamptz"
OBSERVED = "%(observed)s::timestamptz"

# A refused join is an empty period and so never holds.
_ORIGIN = f"""SELECT link.origin_id AS id, link.root_id, (link.root_id %% 1024)::smallint AS bucket
    FROM link WHERE link.recorded_from <= {KNOWN} AND (link.recorded_to IS NULL OR link.recorded_to > {KNOWN})"""

_EVENTS = f"SELECT * FROM events WHERE events.applied_at <= {KNOWN}"

# As `traits.fold` does it: a maximum, and null, where it wins, is no value.
_TRAITS = f"""SELECT jsonb_object_agg(won.name, won.value) FILTER (WHERE won.value IS NOT NULL)
      FROM (SELECT DISTINCT ON (stated.name) stated.name, stated.value
              FROM origin JOIN trait_value stated ON stated.origin_id = origin.id
             WHERE origin.root_id = person.id AND stated.applied_at <= {KNOWN} AND stated.observed_at <= {OBSERVED}
             ORDER BY stated.name, method DESC, source_priority DESC, observed_at DESC, event_id DESC) won"""

# Whose clock counts for a local time is inferred, and no sender's statement of that name is it.
_TIME_ZONE = f"""SELECT stated.value #>> '{{}}' FROM origin JOIN trait_value stated ON stated.origin_id = origin.id
     WHERE origin.root_id = person.id AND stated.name = '{LAST_TIME_ZONE}' AND stated.method = 0
       AND stated.applied_at <= {KNOWN} AND stated.observed_at <= {OBSERVED}
     ORDER BY stated.observed_at DESC, stated.event_id DESC LIMIT 1"""

_PROFILE = f"""SELECT person.id, person.bucket, person.created_at, nullif(origin.root_id, person.id) AS merged_into,
         coalesce(({_TRAITS}), '{{}}') AS traits, ({_TIME_ZONE}) AS time_zone
    FROM profile person JOIN origin ON origin.id = person.id
   WHERE {IDS} IS NULL OR person.id = ANY({IDS})"""


def statement(sql: str, *, tables: Mapping[str, str]) -> str:
    """`sql` over the past; `tables` are the pasts of other apps' tables, by the names that it reads."""
    told = [
        f"origin AS NOT MATERIALIZED (\n  {_ORIGIN}\n)",
        f"events AS NOT MATERIALIZED (\n  {_EVENTS}\n)",
        f"profile AS MATERIALIZED (\n  {_PROFILE}\n)",
        *(f"{name} AS NOT MATERIALIZED (\n  {text}\n)" for name, text in tables.items()),
    ]
    return "WITH " + ",\n".join(told) + f"\nSELECT * FROM (\n{sql}\n) told"
