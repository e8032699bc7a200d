"""What one person did, in pages of either order, at a cost that does not grow with how much they did."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connections

from profiles.api.disclosure import Disclosure
from profiles.api.segment_profiles.query import Cursor, Page
from profiles.models import EventKind

WINDOW = timedelta(days=14)
_NAMED = frozenset({EventKind.TRACK, EventKind.PAGE, EventKind.SCREEN})
#: Told by other reads, or by none here: consent is not part of this API.
_UNTOLD = ("consent", "consentManagement")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: `[start, end)`, and by name; without `include` all that are not excluded."""

    start: datetime
    end: datetime
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    ascending: bool = False


# As in the timeline: the index is (origin_id, name, ts), so the newest of each name are found at once and the newest of
# those are the answer. `first` and `last` are whole months, the partitions' own bounds: they keep the search for names
# out of months that cannot matter without having it look at a single event's time. The setting holds for this one
# round trip; without it the planner reads and sorts everything somebody ever did.
_NAMES = """
    SELECT o.id, (SELECT min(e.name) FROM events e WHERE e.origin_id = o.id AND {months}) FROM origin o
     WHERE o.root_id = %(person)s
    UNION ALL
    SELECT n.origin_id,
           (SELECT min(e.name) FROM events e WHERE e.origin_id = n.origin_id AND e.name > n.name AND {months})
      FROM names n WHERE n.name IS NOT NULL
""".format(months="e.ts >= %(first)s AND e.ts < %(last)s")
_INCLUDED = """
    SELECT o.id, included.name FROM origin o CROSS JOIN unnest(%(include)s::text[]) AS included (name)
     WHERE o.root_id = %(person)s
"""
_PAGE = """
SET LOCAL enable_sort = off;
WITH RECURSIVE names (origin_id, name) AS ({names}),
page AS (
    SELECT e.*
      FROM names n
     CROSS JOIN LATERAL (
        SELECT * FROM events e
         WHERE e.origin_id = n.origin_id AND e.name = n.name AND e.ts >= %(start)s AND e.ts < %(end)s
           AND (%(ts)s::timestamptz IS NULL
                OR (e.ts {reaches} %(ts)s AND (e.ts, e.event_id) {beyond} (%(ts)s, %(event)s::bigint)))
         ORDER BY e.ts {order} FETCH FIRST %(limit)s ROWS WITH TIES
     ) e
     WHERE n.name IS NOT NULL AND n.name <> ALL(%(exclude)s::text[])
     ORDER BY e.ts {order}, e.event_id {order} LIMIT %(limit)s
)
SELECT page.event_id, page.ts, page.kind, page.name, page.message_id, source.key, page.properties, page.context,
       (SELECT jsonb_agg(jsonb_build_object('collection', 'users', 'type', type, 'id', value, 'encoding', 'none')
                         ORDER BY type, value) FROM identifier WHERE identifier.origin_id = page.origin_id)
  FROM page LEFT JOIN source ON source.id = page.source_id
 ORDER BY page.ts {order}, page.event_id {order}
"""
_WAYS = {
    True: {"order": "ASC", "reaches": ">=", "beyond": ">"},
    False: {"order": "DESC", "reaches": "<=", "beyond": "<"},
}


@dataclass(frozen=True, slots=True)
class Found:
    event_id: int
    ts: datetime
    kind: int
    name: str
    message_id: str
    source: str | None
    properties: Mapping[str, Any]
    context: Mapping[str, Any]
    external_ids: list[Mapping[str, str]]


def find(*, profile_id: int, wanted: Wanted, page: Page) -> tuple[list[Found], Cursor]:
    """Return a page of somebody's events and where the next one begins."""
    statement = _PAGE.format(names=_INCLUDED if wanted.include else _NAMES, **_WAYS[wanted.ascending])
    ts, event_id = (datetime.fromisoformat(page.after[0]), int(page.after[1])) if page.after else (None, None)
    given: dict[str, Any] = {
        "person": profile_id,
        "start": wanted.start,
        "end": wanted.end,
        "first": _month(wanted.start),
        "last": _month(_month(wanted.end) + timedelta(days=32)),
        "include": list(wanted.include),
        "exclude": list(wanted.exclude),
        "ts": ts,
        "event": event_id,
        "limit": page.limit + 1,
    }
    with connections["reads"].cursor() as cursor:
        cursor.execute(statement, given)
        # Django leaves JSON of a plain cursor as text.
        rows = [Found(*row[:6], *(orjson.loads(part or "[]") for part in row[6:])) for row in cursor.fetchall()]
    told = rows[: page.limit]
    more = len(rows) > page.limit
    return told, Cursor((told[-1].ts.isoformat(), str(told[-1].event_id))) if more else Cursor()


def _month(at: datetime) -> datetime:
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def excluded(person: Disclosure) -> Iterable[str]:
    """The names of events that were collected for a purpose this read does not have."""
    return (field.removeprefix("events.") for field in person.hidden if field.startswith("events."))


def spell(found: Found, person: Disclosure) -> dict[str, Any]:
    """Spell an event; traits and identifiers inside it are told as far as they would be by themselves."""
    context = {name: value for name, value in found.context.items() if name not in _UNTOLD}
    if "traits" in context:
        context["traits"] = _told(context["traits"], person)
    is_identify = found.kind == EventKind.IDENTIFY
    return {
        "external_ids": found.external_ids if person.tells("identifiers") else [],
        "context": context,
        "type": EventKind(found.kind).name.lower(),
        "message_id": found.message_id,
        "source_id": found.source or "",
        "timestamp": found.ts,
        "properties": _told(found.properties, person) if is_identify else found.properties,
        "event": found.name if found.kind in _NAMED else None,
        "related": {"users": person.public_id},
    }


def _told(traits: Any, person: Disclosure) -> dict[str, Any]:
    stated = traits if isinstance(traits, dict) else {}
    return {name: value for name, value in stated.items() if person.tells_trait(name)}
