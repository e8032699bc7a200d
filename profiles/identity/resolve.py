"""Find the origins of identifiers, and learn new ones and who was seen with whom.

Learning is one short transaction of its own, before the events that caused it are stored: what it writes says the same
however often it is repeated, so a crash in between costs nothing. It takes one advisory lock, because grouping has to
see every sighting of a neighbourhood; with a lock per person, two merges that meet half-way have to be chased and
restarted. Only what is new takes the lock: a known person's events never wait here.
"""

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from msgspec import Struct

from cdp.copying import array, columns, copy_rows
from cdp.ids import new_ids
from cdp.pseudonyms import lookup_hash
from profiles.identity import applying, matching, neighbourhood, regrouping, returning, rules
from profiles.identity.naming import Name
from profiles.identity.regrouping import Back, Evidence, Merge, Plan, Said, bucket_of
from profiles.identity.rule import IdentityRule
from profiles.models import LinkReason

__all__ = [
    "Change", "First", "Merge", "Name", "bucket_of", "date", "find", "forget", "learn", "learn_all", "regroup", "roots",
    "take_turn", "unknown_pairs",
]  # fmt: skip


class First(Struct, frozen=True):
    """The earliest event that said something, and how it said it."""

    ts: datetime
    event_id: int
    reason: str = LinkReason.BORN.value


# An identifier's origin never changes, so what was found once is right for as long as the origin exists; whoever finds
# that it does not (after an erasure) calls `forget`.
_remembered: dict[Name, int] = {}
_MOST_REMEMBERED = 300_000


def forget() -> None:
    """Ask the database again who is who."""
    _remembered.clear()


def find(names: Iterable[Name]) -> dict[Name, int]:
    """Return the origin of every name that is known."""
    found = {name: _remembered[name] for name in names if name in _remembered}
    asked = _look_up(name for name in names if name not in found)
    _remember(asked)
    return found | asked


def _remember(found: Mapping[Name, int]) -> None:
    if connection.in_atomic_block:
        return  # what is not committed may never have been
    if len(_remembered) > _MOST_REMEMBERED:
        forget()
    _remembered.update(found)


def _look_up(names: Iterable[Name]) -> dict[Name, int]:
    by_hash = {(name[0], lookup_hash(*name)): name for name in names}
    if not by_hash:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [array(type for type, _ in by_hash), array(hash for _, hash in by_hash)])
        return {by_hash[type, bytes(hash)]: origin for type, hash, origin in cursor.fetchall()}


def roots(origins: Iterable[int]) -> dict[int, int]:
    """Return the profile each origin belongs to now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, root_id FROM origin WHERE id = ANY(%s::bigint[])", [array(origins)])
        return dict(cursor.fetchall())


def unknown_pairs(pairs: Mapping[tuple[int, int], First]) -> set[tuple[int, int]]:
    """Return the pairs of origins never seen together before, or not as early."""
    if not pairs:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            _UNKNOWN_PAIRS, columns((one, two, seen.ts, seen.event_id) for (one, two), seen in pairs.items())
        )
        return set(cursor.fetchall())


def learn_all(
    *,
    names: Mapping[Name, First],
    together: Mapping[tuple[Name, Name], First],
    rule: IdentityRule,
    asked: Collection[Name] = (),
) -> dict[Name, int]:
    """Learn of these names and pairs what is new about them; return the names' origins, and of `asked` those known.

    Raises RuleChanged when `rule`, by which they were read, is not live any more.
    """
    origin_of = find({*names, *asked} if asked else names)
    fresh = fresh_pairs(together, origin_of)
    unknown = names.keys() - origin_of.keys()
    if fresh or unknown:
        wanted = unknown.union(*fresh)
        origin_of |= learn(
            names={name: names[name] for name in wanted}, together={pair: together[pair] for pair in fresh}, rule=rule
        )
    return origin_of


def fresh_pairs(together: Mapping[tuple[Name, Name], First], origin_of: Mapping[Name, int]) -> set[tuple[Name, Name]]:
    """Return the pairs of names never seen together before, or not as early."""
    by_origin = {
        (origin_of[one], origin_of[two]): (one, two) for one, two in together if one in origin_of and two in origin_of
    }
    unknown = unknown_pairs({pair: together[names] for pair, names in by_origin.items()})
    known = {by_origin[pair] for pair in by_origin.keys() - unknown}
    return together.keys() - known


def learn(
    *, names: Mapping[Name, First], together: Mapping[tuple[Name, Name], First], rule: IdentityRule | None = None
) -> dict[Name, int]:
    """Record new names and pairs of names, regroup the people they concern, and return the names' origins.

    With the `rule` by which they were read, it is kept live meanwhile: a value that a new rule blocks, learned behind
    the back of that rule's rollout, would never be marked. Raises RuleChanged when it is live no more.
    """
    with transaction.atomic():
        origin_of = _learn(names, together, rule)
    _remember(origin_of)
    return origin_of


def _learn(
    names: Mapping[Name, First], together: Mapping[tuple[Name, Name], First], rule: IdentityRule | None
) -> dict[Name, int]:
    with connection.cursor() as cursor:
        now = take_turn(cursor)
        if rule is not None:
            rules.hold(rule)
        origin_of = _look_up(names)
        fresh = _create_identifiers(cursor, {n: first for n, first in names.items() if n not in origin_of}, now=now)
        origin_of |= fresh
        reasons = _record_sightings(cursor, {(origin_of[a], origin_of[b]): s for (a, b), s in together.items()})
        affected = set(fresh.values()) | {origin for pair in reasons for origin in pair}
        if affected:
            regroup(
                cursor,
                Change(
                    affected=affected,
                    fresh={origin: name for name, origin in fresh.items()},
                    first_of={origin: names[name].event_id for name, origin in fresh.items()},
                    reasons=reasons,
                ),
                now=now,
            )
        date(cursor, {origin_of[name]: first for name, first in names.items() if name not in fresh})
    return origin_of


def take_turn(cursor: Any) -> datetime:
    """Wait until nobody else changes who is who, and return the time: nobody else's row is later."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext('cdp identity'))")
    cursor.execute("SELECT clock_timestamp()")
    now: datetime = cursor.fetchone()[0]
    return now


def date(cursor: Any, firsts: Mapping[int, First]) -> None:
    """Note for the identifiers of these origins when they were first seen, where that is earlier than was known.

    The last thing that any transaction locks for, after origins and what the steps and gates of other apps lock.
    """
    if firsts:
        cursor.execute(_DATE, columns((origin, first.ts, first.event_id) for origin, first in firsts.items()))


def _create_identifiers(cursor: Any, names: Mapping[Name, First], *, now: datetime) -> dict[Name, int]:
    created = dict(zip(sorted(names), _free_ids(len(names), taken={}, now=now), strict=True))
    rows = [(n[0], lookup_hash(*n), n[1], origin, names[n].event_id, names[n].ts) for n, origin in created.items()]
    copy_rows(cursor, "identifier", _IDENTIFIER, sorted(rows))
    return created


def _record_sightings(cursor: Any, together: Mapping[tuple[int, int], First]) -> dict[tuple[int, int], str]:
    if not together:
        return {}
    rows = ((a, b, seen.reason, seen.ts, seen.event_id) for (a, b), seen in sorted(together.items()))
    cursor.execute(_RECORD_SIGHTINGS, columns(rows))
    return {(origin, other): reason for origin, other, reason in cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class Change:
    """What has to be grouped again, and why: new sightings, or somebody's word."""

    affected: Collection[int]
    fresh: Mapping[int, Name] = field(default_factory=dict)  # origins that have no person yet
    first_of: Mapping[int, int] = field(default_factory=dict)  # the event each of them came with
    reasons: Mapping[tuple[int, int], str] = field(default_factory=dict)  # of the new sightings
    said: Said | None = None
    # An undone merge: the profile that is to be back, and the origins that were its own.
    back: Back | None = None
    homes: Mapping[int, int] = field(default_factory=dict)


def regroup(cursor: Any, change: Change, *, now: datetime) -> Plan:
    """Group everybody whom the change can concern, and write what follows; the caller has the turn."""
    rule = rules.live_rule()
    around = neighbourhood.load(cursor, change.affected, rule=rule, fresh=change.fresh)
    grouping = matching.group(around.types, around.sightings, around.bounds)
    homes = {origin: home for origin, home in change.homes.items() if origin in around.was}
    assigned = matching.assign(grouping, types=around.types, roots={**around.was, **homes}, rule=rule)
    homeless = {group for group, profile in assigned.profile_of.items() if profile is None}
    revived = returning.find(cursor, grouping, homeless, around) if homeless else {}
    newborn = sorted(homeless - revived.keys())
    taken = {*around.types, *around.was.values()}
    born = dict(zip(newborn, _free_ids(len(newborn), taken=taken, now=now), strict=True))
    evidence = Evidence(
        around=around,
        reasons=change.reasons,
        causes=[seen for seen in around.sightings if (seen.origin, seen.other) in change.reasons],
        first_of=change.first_of,
        said=change.said,
    )
    back = [*revived.values(), *([change.back] if change.back else [])]
    born |= {group: one.profile_id for group, one in revived.items()}
    decided = regrouping.plan(grouping, assigned, born, evidence, back, now=now)
    applying.apply(cursor, decided)
    return decided


def _free_ids(count: int, *, taken: Container[int], now: datetime) -> list[int]:
    """Return ids that no origin has. They are random within a millisecond, and a claim needs thousands at once."""
    while True:
        ids = new_ids(count, now=now)
        if not any(number in taken for number in ids) and not roots(ids):
            return ids


_IDENTIFIER = ("type", "hash", "value", "origin_id", "event_id", "first_seen_at")
_FIND = """
SELECT type, hash, origin_id
  FROM unnest(%s::text[], %s::bytea[]) AS wanted (type, hash) JOIN identifier USING (type, hash)
"""
_DATE = """
WITH earlier AS MATERIALIZED (
         SELECT type, hash, seen.ts, seen.event_id, seen.ts < identifier.first_seen_at AS shows
           FROM unnest(%s::bigint[], %s::timestamptz[], %s::bigint[]) AS seen (origin_id, ts, event_id)
           JOIN identifier USING (origin_id)
          WHERE (seen.ts, seen.event_id) < (identifier.first_seen_at, identifier.event_id)
          ORDER BY origin_id FOR NO KEY UPDATE OF identifier),
     dated AS (
         UPDATE identifier SET first_seen_at = earlier.ts, event_id = earlier.event_id
           FROM earlier WHERE identifier.type = earlier.type AND identifier.hash = earlier.hash
         RETURNING identifier.type, identifier.origin_id, shows)
INSERT INTO touched (lane, profile_id, keys, cause)
SELECT bucket, root_id, ARRAY['identifier:' || type], 'event' FROM dated JOIN origin ON origin.id = origin_id
 WHERE shows
"""
_UNKNOWN_PAIRS = """
SELECT given.one, given.two
  FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::bigint[]) AS given (one, two, seen_at, event_id)
  LEFT JOIN sighting ON origin_id = one AND with_origin_id = two
 WHERE sighting.origin_id IS NULL OR (given.seen_at, given.event_id) < (sighting.seen_at, sighting.event_id)
"""
_RECORD_SIGHTINGS = """
INSERT INTO sighting (origin_id, with_origin_id, reason, seen_at, event_id)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[], %s::bigint[])
    ON CONFLICT (origin_id, with_origin_id) DO UPDATE
   SET reason = excluded.reason, seen_at = excluded.seen_at, event_id = excluded.event_id
 WHERE (excluded.seen_at, excluded.event_id) < (sighting.seen_at, sighting.event_id)
RETURNING origin_id, with_origin_id, reason
"""
