"""What the traits of the past say about who is who, under a rule that was not there when they came in.

The traits of identify calls are all kept, each with its event and its origin, so a type that is taken from a trait
holds for the past as well. Ids in `context.externalIds` count from the events on that come after the rule.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from cdp.copying import array
from profiles.identity import naming
from profiles.identity.naming import Name
from profiles.identity.resolve import First
from profiles.identity.rule import IdentityRule


@dataclass(frozen=True, slots=True)
class Told:
    """Names and pairs of names, each with the earliest event that says so."""

    names: dict[Name, First] = field(default_factory=dict)
    together: dict[tuple[Name, Name], First] = field(default_factory=dict)

    def add(self, found: tuple[Name, ...], ts: datetime, event_id: int) -> None:
        for name in found:
            known = self.names.get(name)
            if known is None or (ts, event_id) < (known.ts, known.event_id):
                self.names[name] = First(ts, event_id)
        for one, other, reason in naming.pairs(found):
            seen = self.together.get((one, other))
            if seen is None or (ts, event_id) < (seen.ts, seen.event_id):
                self.together[one, other] = First(ts, event_id, reason)


def origins_after(cursor: Any, after: int, *, traits: Collection[str], limit: int) -> list[int]:
    """Return the next origins, by id, whose events stated one of the traits."""
    cursor.execute(_ORIGINS, [array(traits), after, limit])
    return [origin for (origin,) in cursor.fetchall()]


def told_by(cursor: Any, origins: Iterable[int], *, rule: IdentityRule) -> Told:
    """Return what the stated traits of these origins say under the rule."""
    cursor.execute(_STATED, [array(origins), array(rule.by_trait)])
    events: dict[int, tuple[Name, datetime, dict[str, Any]]] = {}
    for type, value, event_id, ts, name, said in cursor.fetchall():
        events.setdefault(event_id, ((type, value), ts, {}))[2][name] = orjson.loads(said)
    told = Told()
    for event_id, (subject, ts, traits) in events.items():
        stated = _stated(subject, traits, rule)
        if stated:
            told.add((subject, *stated), ts, event_id)
    return told


def _stated(subject: Name, traits: Mapping[str, Any], rule: IdentityRule) -> list[Name]:
    found = naming.stated_by_traits(traits, rule) - {subject}
    allowed = [name for name in found if not rule.blocks(*name)]
    return sorted(allowed, key=lambda name: (rule.ranks[name[0]], name[1]))


_ORIGINS = """
SELECT DISTINCT origin_id FROM trait_value WHERE name = ANY(%s::text[]) AND origin_id > %s ORDER BY origin_id LIMIT %s
"""
_STATED = """
SELECT identifier.type, identifier.value, stated.event_id, observed_at, name, stated.value::text
  FROM trait_value AS stated JOIN identifier USING (origin_id)
 WHERE stated.origin_id = ANY(%s::bigint[]) AND name = ANY(%s::text[]) AND NOT identifier.is_blocked
   AND stated.value IS NOT NULL
"""
