"""What a grouping has to see: everybody whom a change can concern, their sightings, and what bounds their joins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cdp.copying import array
from cdp.pseudonyms import lookup_hash
from profiles.identity.matching import Bounds, Seen
from profiles.identity.naming import Name
from profiles.identity.rule import IdentityRule


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Origins to their types and, where they have one, to their person; `has_bars` where joins were barred before."""

    types: Mapping[int, str]
    was: Mapping[int, int]
    sightings: list[Seen]
    bounds: Bounds
    has_bars: bool


class _Members:
    """The identifiers of the people loaded so far."""

    def __init__(self, fresh: Mapping[int, Name]) -> None:
        self.types = {origin: name[0] for origin, name in fresh.items()}
        self.hashes = {origin: lookup_hash(*name) for origin, name in fresh.items()}
        self.was: dict[int, int] = {}
        self.blocked: set[int] = set()

    def add(self, rows: Iterable[tuple[int, str, int, Any, bool]]) -> None:
        for origin, type, root, hash, is_blocked in rows:
            self.types[origin], self.hashes[origin], self.was[origin] = type, hash, root
            if is_blocked:
                self.blocked.add(origin)


def load(
    cursor: Any, affected: Iterable[int], *, rule: IdentityRule, fresh: Mapping[int, Name] | None = None
) -> Neighbourhood:
    """Load everybody whom a change of the `affected` origins can concern; `fresh` are those that have no person yet."""
    cursor.execute(_IS_BOUNDED)
    has_bars, has_separations = cursor.fetchone()
    members = _Members(fresh or {})
    cursor.execute(_NEIGHBOURHOOD, [array(affected)])
    members.add(cursor.fetchall())
    if has_bars:
        _add_the_barred(cursor, members)
    cursor.execute(_SIGHTINGS, [array(members.types)])
    sightings = [Seen(*row) for row in cursor.fetchall()]
    bounds = Bounds(
        rule=rule,
        blocked=frozenset(members.blocked),
        sides=_sides(cursor, members.types) if has_separations else {},
        hashes={origin: bytes(hash) for origin, hash in members.hashes.items()} if rule.limited else {},
    )
    return Neighbourhood(members.types, members.was, sightings, bounds, has_bars)


def _add_the_barred(cursor: Any, members: _Members) -> None:
    """Add those whom only a bound keeps apart from somebody loaded, and so on: if one changes, it may not any more.

    What is void (the sightings of a blocked identifier) is left alone: no change of others makes it count.
    """
    looked_at: set[int] = set()
    while news := members.types.keys() - looked_at:
        looked_at |= news
        cursor.execute(_BARRED_MEMBERS, {"news": array(news), "known": array(set(members.was.values()))})
        members.add(cursor.fetchall())


def _sides(cursor: Any, origins: Iterable[int]) -> dict[int, dict[int, int]]:
    cursor.execute(_SIDES, [array(origins)])
    found: dict[int, dict[int, int]] = {}
    for origin, separation, side in cursor.fetchall():
        found.setdefault(origin, {})[separation] = side
    return found


_IS_BOUNDED = """
SELECT EXISTS (SELECT FROM refused_join), EXISTS (SELECT FROM separation WHERE lifted_at IS NULL)
"""
_MEMBERS = """
SELECT origin.id, identifier.type, origin.root_id, identifier.hash, identifier.is_blocked
  FROM {people} JOIN origin USING (root_id) JOIN identifier ON identifier.origin_id = origin.id
"""
# A sighting can only change the groups of the origins it names and of their neighbours (a contact follows the device it
# was typed on), so all members of those groups are looked at, and, bounds apart, nobody else.
_NEIGHBOURHOOD = """
WITH affected AS MATERIALIZED (SELECT unnest(%s::bigint[]) AS id),
     near AS (SELECT id FROM affected
              UNION SELECT with_origin_id FROM sighting JOIN affected ON origin_id = affected.id
              UNION SELECT origin_id FROM sighting JOIN affected ON with_origin_id = affected.id),
     touched_roots AS (SELECT DISTINCT root_id FROM origin JOIN near USING (id))
""" + _MEMBERS.format(people="touched_roots")
_BARRED_MEMBERS = """
WITH news AS MATERIALIZED (SELECT unnest(%(news)s::bigint[]) AS id),
     bars AS (SELECT * FROM refused_join WHERE reason <> 'blocked'),
     barred AS (SELECT with_origin_id AS id FROM bars JOIN news ON origin_id = news.id
                UNION SELECT origin_id FROM bars JOIN news ON with_origin_id = news.id),
     touched_roots AS (SELECT DISTINCT root_id FROM origin JOIN barred USING (id)
                        WHERE root_id <> ALL (%(known)s::bigint[]))
""" + _MEMBERS.format(people="touched_roots")
_SIGHTINGS = "SELECT origin_id, with_origin_id, seen_at, event_id FROM sighting WHERE origin_id = ANY(%s::bigint[])"
_SIDES = """
SELECT origin_id, separation_id, side
  FROM separated_origin JOIN separation ON separation.id = separation_id AND lifted_at IS NULL
 WHERE origin_id = ANY(%s::bigint[])
"""
