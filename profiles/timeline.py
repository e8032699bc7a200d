"""What one person did, newest first, a page at a time, at a cost that does not grow with how much they did."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection, transaction

PAGE = 50


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last event of a page; the next page holds what is older."""

    ts: datetime
    event_id: int

    def __str__(self) -> str:
        return f"{self.ts.isoformat()}~{self.event_id}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as the timeline shows it."""

    event_id: int
    name: str
    kind: int
    ts: datetime
    received_at: datetime
    applied_at: datetime
    original_at: datetime | None
    message_id: str
    source: str
    consent_gap: bool
    properties: Mapping[str, Any]
    context: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    entries: tuple[Entry, ...]
    older: Cursor | None


def parse_cursor(text: str) -> Cursor | None:
    """Read a cursor from an address; None for one that nobody here wrote."""
    ts, _, event_id = text.partition("~")
    try:
        return Cursor(datetime.fromisoformat(ts), int(event_id))
    except ValueError:
        return None


# The index is (origin_id, name, ts): the newest events of one name at once, but no order across names. So the names a
# person has events of are found by skipping from one to the next in the index, the newest page of each is taken, and
# the newest of those are the answer: the work grows with how many kinds of things somebody did, not with how often.
# The planner believes that nobody does much and would read and sort everything instead, hence the setting around it,
# and WITH TIES in place of a second sort key.
_PAGE = """
WITH RECURSIVE names (origin_id, name) AS (
    SELECT o.id, (SELECT min(e.name) FROM events e WHERE e.origin_id = o.id) FROM origin o WHERE o.root_id = %(person)s
    UNION ALL
    SELECT n.origin_id, (SELECT min(e.name) FROM events e WHERE e.origin_id = n.origin_id AND e.name > n.name)
      FROM names n WHERE n.name IS NOT NULL
)
SELECT e.event_id, e.name, e.kind, e.ts, e.received_at, e.applied_at, e.original_at, e.message_id,
       coalesce(s.name, ''), e.consent_gap, e.properties, e.context
  FROM names n
 CROSS JOIN LATERAL (
    SELECT * FROM events e
     WHERE e.origin_id = n.origin_id AND e.name = n.name
       AND (%(ts)s::timestamptz IS NULL OR (e.ts <= %(ts)s AND (e.ts, e.event_id) < (%(ts)s, %(event)s::bigint)))
     ORDER BY e.ts DESC FETCH FIRST %(limit)s ROWS WITH TIES
 ) e
  LEFT JOIN source s ON s.id = e.source_id
 WHERE n.name IS NOT NULL
 ORDER BY e.ts DESC, e.event_id DESC LIMIT %(limit)s
"""


def page(*, profile_id: int, before: Cursor | None = None, limit: int = PAGE) -> Page:
    """Return the person's newest events, or the newest of those before a cursor."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(_PAGE, {
            "person": profile_id,
            "ts": before.ts if before else None,
            "event": before.event_id if before else None,
            "limit": limit + 1,
        })  # fmt: skip
        # Django leaves JSON of a plain cursor as text.
        found = [Entry(*row[:-2], *map(orjson.loads, row[-2:])) for row in cursor.fetchall()]
        cursor.execute("SET LOCAL enable_sort = on")
    entries = tuple(found[:limit])
    return Page(entries, Cursor(entries[-1].ts, entries[-1].event_id) if len(found) > limit else None)
