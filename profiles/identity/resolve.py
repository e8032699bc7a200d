"""Find the origins of identifiers, and learn new ones and who was seen with whom.

Learning is one short transaction of its own, before the events that caused it are stored: what it writes says the same
however often it is repeated, so a crash in between costs nothing. It takes one advisory lock, because grouping has to
see every sighting of a neighbourhood; with a lock per person, two merges that meet half-way have to be chased and
restarted. Only what is new takes the lock: a known person's events never wait here.
"""

from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from msgspec import Struct

from cdp.copying import array, columns, copy_rows
from cdp.ids import new_ids
from cdp.pseudonyms import lookup_hash
from profiles.identity import matching, regrouping
from profiles.identity.matching import Seen
from profiles.identity.naming import Name
from profiles.identity.regrouping import Evidence, Merge, bucket_of
from profiles.models import LinkReason

__all__ = ["First", "Merge", "Name", "bucket_of", "date", "find", "forget", "learn", "roots", "unknown_pairs"]


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


def learn(*, names: Mapping[Name, First], together: Mapping[tuple[Name, Name], First]) -> dict[Name, int]:
    """Record new names and pairs of names, regroup the people they concern, and return the names' origins."""
    with transaction.atomic():
        origin_of = _learn(names, together)
    _remember(origin_of)
    return origin_of


def _learn(names: Mapping[Name, First], together: Mapping[tuple[Name, Name], First]) -> dict[Name, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('cdp identity'))")
        cursor.execute("SELECT clock_timestamp()")  # a statement after the lock: nobody else's row is later
        now = cursor.fetchone()[0]
        origin_of = _look_up(names)
        fresh = _create_identifiers(cursor, {n: first for n, first in names.items() if n not in origin_of}, now=now)
        origin_of |= fresh
        reasons = _record_sightings(cursor, {(origin_of[a], origin_of[b]): s for (a, b), s in together.items()})
        affected = set(fresh.values()) | {origin for pair in reasons for origin in pair}
        if affected:
            types = {origin: name[0] for name, origin in fresh.items()}
            first_of = {origin: names[name].event_id for name, origin in fresh.items()}
            _regroup(cursor, affected, types, reasons, first_of, now=now)
        date(cursor, {origin_of[name]: first for name, first in names.items() if name not in fresh})
    return origin_of


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


def _regroup(
    cursor: Any,
    affected: set[int],
    types: dict[int, str],
    reasons: Mapping[tuple[int, int], str],
    first_of: Mapping[int, int],
    *,
    now: datetime,
) -> None:
    cursor.execute(_NEIGHBOURHOOD, [array(affected)])
    was = {}
    for origin, type, root in cursor.fetchall():
        types[origin] = type
        was[origin] = root
    cursor.execute(_SIGHTINGS, [array(types)])
    sightings = [Seen(*row) for row in cursor.fetchall()]
    grouping = matching.group(types, sightings)
    assigned = matching.assign(grouping, types=types, roots=was)
    newborn = [group for group, profile in assigned.profile_of.items() if profile is None]
    born = dict(zip(newborn, _free_ids(len(newborn), taken=types, now=now), strict=True))
    causes = [seen for seen in sightings if (seen.origin, seen.other) in reasons]
    evidence = Evidence(types=types, was=was, reasons=reasons, causes=causes, first_of=first_of)
    regrouping.apply(cursor, regrouping.plan(grouping, assigned, born, evidence, now=now))


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
# A sighting can only change the groups of the origins it names and of their neighbours (an e-mail address follows the
# device it was typed on), so all members of those groups are looked at, and nobody else.
_NEIGHBOURHOOD = """
WITH affected AS MATERIALIZED (SELECT unnest(%s::bigint[]) AS id),
     near AS (SELECT id FROM affected
              UNION SELECT with_origin_id FROM sighting JOIN affected ON origin_id = affected.id
              UNION SELECT origin_id FROM sighting JOIN affected ON with_origin_id = affected.id),
     touched_roots AS (SELECT DISTINCT root_id FROM origin JOIN near USING (id))
SELECT origin.id, identifier.type, origin.root_id
  FROM touched_roots JOIN origin USING (root_id) JOIN identifier ON identifier.origin_id = origin.id
"""
_SIGHTINGS = "SELECT origin_id, with_origin_id, seen_at, event_id FROM sighting WHERE origin_id = ANY(%s::bigint[])"
