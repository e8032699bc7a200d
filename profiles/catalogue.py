"""The catalogue of events, properties and traits, learned from traffic. What is learned is a proposal."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection

from profiles.models import ValueType

_DATETIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")

# Estimates and proposals: what a crash of PostgreSQL forgets here comes again with the next event of that name. In one
# round trip, and so one transaction, with the statement that it is for.
_LAZILY = "SET LOCAL synchronous_commit TO off;"
# Anti-join first: a name that is known costs an index look-up and no sequence number.
_LEARN_EVENTS = f"""{_LAZILY}
INSERT INTO event_definition (name, kind, first_seen_at, last_seen_at)
SELECT name, kind, %s, %s FROM unnest(%s::text[], %s::smallint[]) AS seen (name, kind)
 WHERE NOT EXISTS (SELECT FROM event_definition known WHERE known.name = seen.name) ORDER BY name
    ON CONFLICT DO NOTHING
"""
_LEARN_PROPERTIES = f"""{_LAZILY}
INSERT INTO property_definition (event_name, name, type, first_seen_at, last_seen_at)
SELECT event_name, name, type, %s, %s FROM unnest(%s::text[], %s::text[], %s::text[]) AS seen (event_name, name, type)
 WHERE NOT EXISTS (SELECT FROM property_definition known
                    WHERE known.event_name = seen.event_name AND known.name = seen.name) ORDER BY event_name, name
    ON CONFLICT DO NOTHING
"""
_LEARN_TRAITS = f"""{_LAZILY}
INSERT INTO trait_definition (name, type, first_seen_at, last_seen_at)
SELECT name, type, %s, %s FROM unnest(%s::text[], %s::text[]) AS seen (name, type)
 WHERE NOT EXISTS (SELECT FROM trait_definition known WHERE known.name = seen.name) ORDER BY name
    ON CONFLICT DO NOTHING
"""
_COUNT = f"""{_LAZILY}
WITH seen AS (SELECT * FROM unnest(%s::text[], %s::bigint[]) AS given (name, count)),
     locked AS MATERIALIZED (
         SELECT id, seen.count FROM event_definition JOIN seen USING (name)
          ORDER BY id FOR NO KEY UPDATE OF event_definition)
UPDATE event_definition SET count = event_definition.count + locked.count, last_seen_at = %s
  FROM locked WHERE event_definition.id = locked.id
"""


def type_of(value: object) -> ValueType | None:
    """Return the catalogue's type of a JSON value; null tells nothing."""
    if isinstance(value, bool):
        return ValueType.BOOLEAN
    if isinstance(value, str):
        return ValueType.DATETIME if _DATETIME.fullmatch(value) else ValueType.TEXT
    if isinstance(value, int | float):
        return ValueType.NUMBER
    if isinstance(value, list):
        return ValueType.LIST
    return ValueType.OBJECT if isinstance(value, dict) else None


def learn_events(kinds: Mapping[str, int], examples: Iterable[tuple[str, Mapping[str, Any]]], *, now: datetime) -> None:
    """Propose event names not seen before, and the properties of one example per shape."""
    properties = {
        (event, name): type.value
        for event, values in examples
        for name, value in values.items()
        if (type := type_of(value)) is not None
    }
    with connection.cursor() as cursor:
        if kinds:
            cursor.execute(_LEARN_EVENTS, [now, now, list(kinds), list(kinds.values())])
        if properties:
            events, names = zip(*properties, strict=True)
            cursor.execute(_LEARN_PROPERTIES, [now, now, list(events), list(names), list(properties.values())])


def learn_traits(examples: Iterable[Mapping[str, Any]], *, now: datetime) -> None:
    """Propose trait names not seen before."""
    types = {
        name: type.value
        for values in examples
        for name, value in values.items()
        if (type := type_of(value)) is not None
    }
    if types:
        with connection.cursor() as cursor:
            cursor.execute(_LEARN_TRAITS, [now, now, list(types), list(types.values())])


def count_events(counts: Mapping[str, int], *, now: datetime) -> None:
    """Add to the estimates of how often events come; outside the claim, which must not wait for these rows."""
    if counts:
        names = sorted(counts)
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [names, [counts[name] for name in names], now])
