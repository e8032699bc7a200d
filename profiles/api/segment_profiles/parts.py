"""What a person is, in Segment's shapes: traits with memberships among them, external ids, metadata, links."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connections
from msgspec.json import decode

from profiles.api.disclosure import Disclosure
from profiles.api.reads import Audience, audiences
from profiles.api.segment_profiles import events
from profiles.api.segment_profiles.events import Wanted
from profiles.api.segment_profiles.query import Cursor, Page, TraitClass
from profiles.models import EventKind

#: How far back in a person's group calls links are looked for.
GROUP_CALLS = 1_000
_COMPUTED = "imputed"


def traits(
    person: Disclosure, *, include: tuple[str, ...], only: TraitClass | None, verbose: bool, page: Page
) -> tuple[dict[str, Any], Cursor]:
    """Return a page of traits by name. A membership is true while it lasts and false once it is over.

    Where a trait and a segment share a name the segment is told: it is the one that was approved.
    """
    found = _stated(person, only) | _memberships(person, only)
    names = sorted(name for name in found if (not include or name in include) and (name,) > page.after)
    told = names[: page.limit]
    cursor = Cursor((told[-1],)) if len(names) > page.limit else Cursor()
    return {name: found[name] if verbose else found[name]["value"] for name in told}, cursor


def _stated(person: Disclosure, only: TraitClass | None) -> dict[str, Any]:
    if only is TraitClass.AUDIENCE:
        return {}
    profile = person.card.sections.parts("profile")
    stated: Mapping[str, Any] = decode(profile["traits"]) if "traits" in profile else {}
    return {
        name: {"value": trait["value"], "source_id": trait["source"], "updated_at": trait["observed_at"]}
        for name, trait in stated.items()
        if person.tells_trait(name) and (only is None or trait["method"] == _COMPUTED)
    }


def _memberships(person: Disclosure, only: TraitClass | None) -> dict[str, Any]:
    if only is TraitClass.COMPUTED or not person.tells("segments"):
        return {}
    return {name: _audience(name, found) for name, found in audiences(person.card.profile_id).items()}


def _audience(name: str, audience: Audience) -> dict[str, Any]:
    return {"value": audience.is_member, "source_id": f"segment:{name}", "updated_at": audience.since}


# The event that brought an identifier is one of its person's: found by its time and id, name by name.
_FIRST_EVENTS = """
WITH RECURSIVE names (origin_id, name) AS (
    SELECT o.id, (SELECT min(e.name) FROM events e WHERE e.origin_id = o.id) FROM origin o
     WHERE o.root_id = %(person)s
    UNION ALL
    SELECT n.origin_id, (SELECT min(e.name) FROM events e WHERE e.origin_id = n.origin_id AND e.name > n.name)
      FROM names n WHERE n.name IS NOT NULL
), mine AS (
    SELECT i.type, i.value, i.first_seen_at, i.event_id FROM identifier i JOIN origin o ON o.id = i.origin_id
     WHERE o.root_id = %(person)s AND (%(types)s::text[] = '{}' OR type = ANY(%(types)s::text[]))
       AND (%(type)s::text IS NULL OR (type, value) > (%(type)s, %(value)s))
     ORDER BY type, value LIMIT %(limit)s
)
SELECT mine.type, mine.value, mine.first_seen_at, first.message_id, source.key
  FROM mine
  LEFT JOIN LATERAL (
    SELECT e.message_id, e.source_id FROM names n
      JOIN events e ON e.origin_id = n.origin_id AND e.name = n.name
       AND e.ts = mine.first_seen_at AND e.event_id = mine.event_id
     LIMIT 1) AS first ON true
  LEFT JOIN source ON source.id = first.source_id
 ORDER BY mine.type, mine.value
"""


def external_ids(person: Disclosure, *, include: tuple[str, ...], page: Page) -> tuple[list[dict[str, Any]], Cursor]:
    """Return a page of the names somebody goes by, each with the event it came with."""
    if not person.tells("identifiers"):
        return [], Cursor()
    type, value = page.after or (None, None)
    given: dict[str, Any] = {"person": person.card.profile_id, "types": list(include), "type": type, "value": value}
    with connections["reads"].cursor() as cursor:
        cursor.execute(_FIRST_EVENTS, given | {"limit": page.limit + 1})
        rows = cursor.fetchall()
    told = rows[: page.limit]
    after = Cursor((told[-1][0], told[-1][1])) if len(rows) > page.limit else Cursor()
    return [_external_id("users", *row) for row in told], after


def _external_id(
    collection: str, type: str, value: str, at: datetime, message_id: str | None, source: str | None
) -> dict[str, Any]:
    return {
        "source_id": source,
        "collection": collection,
        "id": value,
        "type": type,
        "created_at": at,
        "encoding": "none",
        "first_message_id": message_id,
    }


def metadata(person: Disclosure) -> dict[str, Any]:
    """Return when somebody was first and last seen, and by which events; nothing of it where activity is withheld."""
    card = person.card
    first = last = None
    if person.tells_activity and card.first_seen_at and card.last_seen_at:
        first, last = _event_at(person, card.first_seen_at), _event_at(person, card.last_seen_at)
    return {
        "created_at": card.first_seen_at if person.tells_activity else None,
        "updated_at": card.last_seen_at if person.tells_activity else None,
        "expires_at": None,
        "first_message_id": first.message_id if first else None,
        "first_source_id": first.source if first else None,
        "last_message_id": last.message_id if last else None,
        "last_source_id": last.source if last else None,
    }


def _event_at(person: Disclosure, at: datetime) -> events.Found | None:
    wanted = Wanted(start=at, end=at + timedelta(microseconds=1))
    found, _ = events.find(profile_id=person.card.profile_id, wanted=wanted, page=Page(limit=1))
    return found[0] if found else None


_GROUPS = """
SELECT e.context ->> 'groupId', e.ts, source.key
  FROM origin o
 CROSS JOIN LATERAL (SELECT * FROM events e WHERE e.origin_id = o.id AND e.name = '$group' AND e.kind = %(kind)s
                      ORDER BY e.ts DESC LIMIT %(most)s) AS e
  LEFT JOIN source ON source.id = e.source_id
 WHERE o.root_id = %(person)s AND e.context ? 'groupId'
 ORDER BY e.ts DESC LIMIT %(most)s
"""


def links(person: Disclosure, *, page: Page) -> tuple[list[dict[str, Any]], Cursor]:
    """Return the accounts that somebody's latest group calls named, by their ids."""
    if not person.tells("events") or "$group" in set(events.excluded(person)):
        return [], Cursor()
    calls: defaultdict[str, list[tuple[datetime, str | None]]] = defaultdict(list)
    with connections["reads"].cursor() as cursor:
        given = {"person": person.card.profile_id, "kind": EventKind.GROUP, "most": GROUP_CALLS}
        cursor.execute(_GROUPS, given)
        for group, at, source in cursor.fetchall():
            calls[group].append((at, source))
    names = sorted(name for name in calls if (name,) > page.after)
    told = names[: page.limit]
    cursor_after = Cursor((told[-1],)) if len(names) > page.limit else Cursor()
    return [_link(name, *calls[name][-1]) for name in told], cursor_after


def _link(group: str, at: datetime, source: str | None) -> dict[str, Any]:
    account = _external_id("accounts", "group_id", group, at, None, source)
    return {
        "to_collection": "accounts",
        "external_ids": [{k: v for k, v in account.items() if k != "first_message_id"}],
    }
