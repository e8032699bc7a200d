"""What leaves: each table with its columns, and the statements that give its rows for the people who may leave.

Every statement selects `date` (the day of its partition) first and then the table's columns in their order. It may
join `export_people (profile_id, person_id)`, the people whom the purpose permits under the name they have in this
export, which holds for all statements of one snapshot.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import pyarrow as pa
from django.conf import settings
from django.utils.module_loading import import_string

MOMENT, AMOUNT = pa.timestamp("us", tz="UTC"), pa.decimal128(38, 9)


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: Any  # a pyarrow type
    told: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What does not leave for this purpose, by name."""

    traits: tuple[str, ...]
    properties: Mapping[str, tuple[str, ...]]
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What a table is asked: the days `[start, end)`, the moment of the snapshot, and what may not leave.

    `segment` narrows it to one segment's key, where the table tells of segments; empty for all.
    """

    start: date
    end: date
    as_of: datetime
    left_out: LeftOut
    segment: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One statement; the days that different parts of a table give do not overlap."""

    sql: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """`tells` is the part of people that is in it, as the field list of a key calls it.

    `has_segment` says whether there is a segment of a key to narrow the table to; None: it knows no segments.
    """

    name: str
    tells: str
    told: str
    columns: tuple[Column, ...]
    parts: Callable[[Question], Iterator[Part]]
    has_segment: Callable[[str], bool] | None = None


def known() -> Mapping[str, Table]:
    """Return every table there is, in the order of EXPORT_TABLES."""
    return _load(tuple(settings.EXPORT_TABLES))


def names() -> tuple[str, ...]:
    return tuple(known())


@cache
def _load(paths: tuple[str, ...]) -> Mapping[str, Table]:
    return {table.name: table for table in (import_string(path)() for path in paths)}


def months(start: date, end: date) -> Iterator[tuple[date, date]]:
    """Cut a period at the borders of months, as the events' partitions are cut."""
    while start < end:
        following = min(end, (start.replace(day=1) + timedelta(days=32)).replace(day=1))
        yield start, following
        start = following


_PEOPLE = """
SELECT %(day)s, x.person_id, p.created_at, p.first_seen_at, p.last_seen_at, p.event_count,
       p.traits - %(hidden)s::text[], p.evaluated_at
  FROM export_people x JOIN profile p ON p.id = x.profile_id
"""


def people() -> Table:
    """Everybody who may leave, as of the snapshot."""
    return Table(
        "people",
        "traits",
        "Everybody whom the purpose permits, as of the moment of the export.",
        (
            Column("person_id", pa.string(), "Pseudonym of the person: the same in every export for this purpose."),
            Column("created_at", MOMENT, "When the platform first knew of the person."),
            Column("first_seen_at", MOMENT, "Time of the earliest event."),
            Column("last_seen_at", MOMENT, "Time of the latest event."),
            Column("event_count", pa.int64(), "How many events the person has."),
            Column("traits", pa.string(), "The winning value of each trait that may leave, as a JSON object."),
            Column("evaluated_at", MOMENT, "When traits and segments were last brought up to date."),
        ),
        lambda asked: iter(
            [Part(_PEOPLE, {"day": asked.as_of.date().isoformat(), "hidden": list(asked.left_out.traits)})]
        ),
    )


# Not in any order: sorting a month costs more than keeping its days' files open. What an identify call said is the
# person's traits: they are told, as far as they may be, in `people`.
_EVENTS = """
SELECT (e.ts AT TIME ZONE 'UTC')::date, e.event_id::text, x.person_id, e.name,
       (ARRAY['track', 'identify', 'page', 'screen', 'group', 'alias'])[e.kind],
       s.key, e.ts, e.received_at, e.amount, e.consent_gap,
       CASE WHEN e.kind IN (2, 6) THEN '{}'::jsonb WHEN hidden.names IS NULL THEN e.properties
            ELSE e.properties - hidden.names END
  FROM events e
  JOIN origin o ON o.id = e.origin_id
  JOIN export_people x ON x.profile_id = o.root_id
  LEFT JOIN source s ON s.id = e.source_id
  LEFT JOIN (SELECT name, string_to_array(names, chr(31)) AS names
               FROM unnest(%(with)s::text[], %(without)s::text[]) AS given (name, names)) hidden ON hidden.name = e.name
 WHERE e.ts >= %(start)s::timestamptz AND e.ts < %(end)s::timestamptz AND e.name <> ALL (%(never)s::text[])
"""


def events() -> Table:
    """What those people did in the period, by the day on which it happened."""
    return Table(
        "events",
        "events",
        "What they did, by the UTC day on which it happened.",
        (
            Column("event_id", pa.string(), "The event; unique."),
            Column("person_id", pa.string(), "Whose event it is now, merges followed."),
            Column("name", pa.string(), "What happened, as sent."),
            Column("kind", pa.string(), "track, identify, page, screen, group or alias."),
            Column("source", pa.string(), "Key of the source that sent it."),
            Column("occurred_at", MOMENT, "When it happened, corrected for the clock of the sender."),
            Column("received_at", MOMENT, "When it arrived."),
            Column("amount", AMOUNT, "The number of money or value it carried, if any."),
            Column("consent_gap", pa.bool_(), "True where nobody had said yes or no to its purpose."),
            Column("properties", pa.string(), "Its properties that may leave, as a JSON object."),
        ),
        _event_parts,
    )


def _event_parts(asked: Question) -> Iterator[Part]:
    hidden = asked.left_out.properties
    fixed = {
        "with": list(hidden),
        "without": [chr(31).join(names) for names in hidden.values()],
        "never": list(asked.left_out.events),
    }
    for start, end in months(asked.start, asked.end):
        yield Part(_EVENTS, {**fixed, "start": f"{start} 00:00+00", "end": f"{end} 00:00+00"})
