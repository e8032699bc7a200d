"""Find the origins of identifiers, learn new ones, and apply what `matching` decides: new people, links, merges, moves.

Learning is one short transaction of its own, before the events that caused it are stored: what it writes says the same
however often it is repeated, so a crash in between costs nothing. It takes one advisory lock, because grouping has to
see every sighting of a neighbourhood; with a lock per person, two merges that meet half-way have to be chased and
restarted. Only what is new takes the lock: a known person's events never wait here.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string
from msgspec import Struct

from cdp.copying import array, copy_rows
from cdp.ids import new_ids
from cdp.pseudonyms import lookup_hash
from profiles.identity import matching
from profiles.identity.matching import Seen
from profiles.models import Cause, LinkReason

LANES = 1024
#: (identifier type, canonical value)
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Merge:
    """Two people who are one from `now` on. The winner is the older profile."""

    winner_id: int
    loser_id: int
    now: datetime


class First(Struct, frozen=True):
    """The earliest event that said something, and how it said it."""

    ts: datetime
    event_id: int
    reason: str = LinkReason.BORN.value


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a grouping means for the rows: everything that `_apply` writes."""

    root_of: Mapping[int, int]  # every origin looked at, to its profile from now on
    was: Mapping[int, int]  # those that had one, to their profile until now
    born: Sequence[int]  # profiles not seen before
    merges: Sequence[Merge]
    moved: Sequence[int]  # origins that leave their person without a merge
    refused: Sequence[Seen]


def bucket_of(profile_id: int) -> int:
    """Return the share of the people, and hence the lane, that a profile belongs to."""
    return profile_id % LANES


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
            _UNKNOWN_PAIRS, _columns((one, two, seen.ts, seen.event_id) for (one, two), seen in pairs.items())
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
        changed = _record_sightings(cursor, {(origin_of[a], origin_of[b]): s for (a, b), s in together.items()})
        affected = set(fresh.values()) | {origin for pair in changed for origin in pair}
        if affected:
            types = {origin: name[0] for name, origin in fresh.items()}
            born_by = {origin_of[name]: first for name, first in names.items() if name in fresh}
            _regroup(cursor, affected, types, changed, born_by, now=now)
    return origin_of


def _create_identifiers(cursor: Any, names: Mapping[Name, First], *, now: datetime) -> dict[Name, int]:
    created = dict(zip(sorted(names), _free_ids(len(names), taken={}, now=now), strict=True))
    rows = [(n[0], lookup_hash(*n), n[1], origin, names[n].event_id, names[n].ts) for n, origin in created.items()]
    columns = ("type", "hash", "value", "origin_id", "event_id", "first_seen_at")
    copy_rows(cursor, "identifier", columns, sorted(rows))
    return created


def _record_sightings(cursor: Any, together: Mapping[tuple[int, int], First]) -> dict[tuple[int, int], str]:
    if not together:
        return {}
    rows = ((a, b, seen.reason, seen.ts, seen.event_id) for (a, b), seen in sorted(together.items()))
    cursor.execute(_RECORD_SIGHTINGS, _columns(rows))
    return {(origin, other): reason for origin, other, reason in cursor.fetchall()}


def _regroup(
    cursor: Any,
    affected: set[int],
    types: dict[int, str],
    changed: Mapping[tuple[int, int], str],
    born_by: Mapping[int, First],
    *,
    now: datetime,
) -> None:
    cursor.execute(_NEIGHBOURHOOD, [array(affected)])
    was = {}
    for origin, type, root in cursor.fetchall():
        types[origin] = type
        was[origin] = root
    cursor.execute(
        "SELECT origin_id, with_origin_id, seen_at, event_id FROM sighting WHERE origin_id = ANY(%s::bigint[])",
        [list(types)],
    )
    sightings = [Seen(*row) for row in cursor.fetchall()]
    grouping = matching.group(types, sightings)
    assigned = matching.assign(grouping, types=types, roots=was)
    newborn = [group for group, profile in assigned.profile_of.items() if profile is None]
    born = dict(zip(newborn, _free_ids(len(newborn), taken=types, now=now), strict=True))
    plan = _plan(grouping, assigned, born, was, now=now)
    _apply(cursor, plan, types, changed, born_by, [s for s in sightings if (s.origin, s.other) in changed], now=now)


def _plan(
    grouping: matching.Grouping,
    assigned: matching.Assigned,
    born: Mapping[int, int],
    was: Mapping[int, int],
    *,
    now: datetime,
) -> _Plan:
    profile_of = {group: born.get(group, profile) for group, profile in assigned.profile_of.items()}
    root_of = {origin: profile_of[group] for origin, group in grouping.of.items()}
    winner_of = {loser: winner for winner, loser in assigned.merged}
    return _Plan(
        root_of=root_of,
        was=was,
        born=sorted(born.values()),
        merges=[Merge(winner, loser, now) for winner, loser in assigned.merged],
        moved=[origin for origin, root in was.items() if root_of[origin] != winner_of.get(root, root)],
        refused=grouping.refused,
    )


def _free_ids(count: int, *, taken: Container[int], now: datetime) -> list[int]:
    """Return ids that no origin has. They are random within a millisecond, and a claim needs thousands at once."""
    while True:
        ids = new_ids(count, now=now)
        if not any(number in taken for number in ids) and not roots(ids):
            return ids


def _apply(
    cursor: Any,
    plan: _Plan,
    types: Mapping[int, str],
    changed: Mapping[tuple[int, int], str],
    born_by: Mapping[int, First],
    causes: Sequence[Seen],
    *,
    now: datetime,
) -> None:
    joined_by = {origin: seen for seen in causes for origin in (seen.other, seen.origin)}
    newcomers = {origin: root for origin, root in plan.root_of.items() if origin not in plan.was}
    locked = {m.loser_id for m in plan.merges} | {m.winner_id for m in plan.merges}
    locked |= {plan.was[origin] for origin in plan.moved} | {plan.root_of[origin] for origin in plan.moved}
    locked -= set(plan.born)
    cursor.execute("SELECT id FROM profile WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [sorted(locked)])
    _create_profiles(cursor, plan.born, now=now)
    origins = ((origin, root, bucket_of(root)) for origin, root in sorted(newcomers.items()))
    copy_rows(cursor, "origin", ("id", "root_id", "bucket"), origins)
    links = [(profile, profile, now, None, None, LinkReason.BORN.value) for profile in plan.born]
    for origin, root in newcomers.items():
        seen = joined_by.get(origin)
        joined = seen is not None and plan.root_of[seen.other] == plan.root_of[seen.origin]
        reason = changed[seen.origin, seen.other] if joined else LinkReason.BORN.value
        links.append((origin, root, now, None, born_by[origin].event_id, reason))
    links += _refusals(plan, changed, now=now)
    copy_rows(cursor, "link", ("origin_id", "root_id", "recorded_from", "recorded_to", "event_id", "reason"), links)
    _merge(cursor, plan, causes, types, changed, now=now)
    _move(cursor, plan, joined_by, now=now)
    _touch(cursor, plan, newcomers, types)


def _create_profiles(cursor: Any, profiles: Sequence[int], *, now: datetime) -> None:
    copy_rows(cursor, "profile", ("id", "bucket", "created_at"), ((p, bucket_of(p), now) for p in profiles))
    copy_rows(cursor, "origin", ("id", "root_id", "bucket"), ((p, p, bucket_of(p)) for p in profiles))


def _refusals(plan: _Plan, changed: Mapping[tuple[int, int], str], *, now: datetime) -> list[tuple[object, ...]]:
    """Spell the refused joins as periods that never were: each is told once, when it is seen."""
    return [
        (seen.origin, plan.root_of[seen.other], now, now, seen.event_id, LinkReason.REFUSED.value)
        for seen in plan.refused
        if (seen.origin, seen.other) in changed
    ]


def _why(plan: _Plan, causes: Sequence[Seen]) -> Iterable[tuple[Merge, Seen | None]]:
    """Pair every merge with the sighting on whose word it happened: of the group's new ones, one naming the loser."""
    naming: dict[int, Seen] = {}
    of_group: dict[int, Seen] = {}
    for seen in causes:
        if plan.root_of[seen.origin] == plan.root_of[seen.other]:
            of_group[plan.root_of[seen.origin]] = seen
            naming |= {plan.was[origin]: seen for origin in (seen.origin, seen.other) if origin in plan.was}
    for merge in plan.merges:
        yield merge, naming.get(merge.loser_id) or of_group.get(merge.winner_id)


@cache
def _merge_steps(paths: tuple[str, ...]) -> tuple[Callable[[Merge], None], ...]:
    return tuple(import_string(path) for path in paths)


def _merge(
    cursor: Any,
    plan: _Plan,
    causes: Sequence[Seen],
    types: Mapping[int, str],
    changed: Mapping[tuple[int, int], str],
    *,
    now: datetime,
) -> None:
    if not plan.merges:
        return
    rows = []
    for merge, seen in _why(plan, causes):
        told = (seen.event_id, types[seen.origin], changed[seen.origin, seen.other]) if seen else (None, "", "")
        rows.append((merge.winner_id, merge.loser_id, now, *told))
    columns = ("winner_id", "loser_id", "at", "event_id", "identifier_type", "reason")
    copy_rows(cursor, "merge", columns, rows)
    winners, losers, _, events, _, reasons = _columns(rows)
    facts = {"winners": winners, "losers": losers, "events": events, "reasons": reasons, "now": now}
    for statement in _MERGE:
        cursor.execute(statement, facts)
    for merge in plan.merges:
        for step in _merge_steps(tuple(settings.MERGE_STEPS)):
            step(merge)


def _move(cursor: Any, plan: _Plan, joined_by: Mapping[int, Seen], *, now: datetime) -> None:
    for origin in sorted(plan.moved):
        root, seen = plan.root_of[origin], joined_by.get(origin)
        facts = {
            "origin": origin,
            "root": root,
            "bucket": bucket_of(root),
            "now": now,
            "event": seen.event_id if seen else None,
            "reason": LinkReason.MOVED.value,
        }
        for statement in _MOVE:
            cursor.execute(statement, facts)


def _touch(cursor: Any, plan: _Plan, newcomers: Mapping[int, int], types: Mapping[int, str]) -> None:
    everything = dict.fromkeys(plan.born, Cause.EVENT.value)
    for origin in plan.moved:
        everything[plan.was[origin]] = everything[plan.root_of[origin]] = Cause.MERGE.value
    everything |= {merge.winner_id: Cause.MERGE.value for merge in plan.merges}
    rows = [(bucket_of(profile), profile, "{*}", cause) for profile, cause in everything.items()]
    for origin, root in newcomers.items():
        if root not in everything:
            rows.append((bucket_of(root), root, f"{{identifier:{types[origin]}}}", Cause.EVENT.value))
    copy_rows(cursor, "touched", ("lane", "profile_id", "keys", "cause"), rows)


def _columns(rows: Iterable[Sequence[object]]) -> list[str]:
    return [array(column) for column in zip(*rows, strict=True)]


_FIND = """
SELECT type, hash, origin_id
  FROM unnest(%s::text[], %s::bytea[]) AS wanted (type, hash) JOIN identifier USING (type, hash)
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
_MERGED = "unnest(%(winners)s::bigint[], %(losers)s::bigint[]) AS merged (winner, loser)"
_MERGE = (
    """WITH merged AS (SELECT * FROM unnest(%(winners)s::bigint[], %(losers)s::bigint[], %(events)s::bigint[],
                                            %(reasons)s::text[]) AS merged (winner, loser, event_id, reason)),
            closed AS (UPDATE link SET recorded_to = %(now)s FROM merged JOIN origin ON origin.root_id = merged.loser
                        WHERE recorded_to IS NULL AND link.origin_id = origin.id
                    RETURNING link.origin_id, merged.winner, merged.event_id, merged.reason)
       INSERT INTO link (origin_id, root_id, recorded_from, event_id, reason)
       SELECT origin_id, winner, %(now)s, event_id, reason FROM closed""",
    f"UPDATE origin SET root_id = winner, bucket = winner %% {LANES} FROM {_MERGED} WHERE root_id = loser",
    f"UPDATE profile SET merged_into = winner, traits = '{{}}' FROM {_MERGED} WHERE id = loser OR merged_into = loser",
    "DELETE FROM trait WHERE profile_id = ANY(%(losers)s::bigint[])",
    "DELETE FROM due WHERE profile_id = ANY(%(losers)s::bigint[])",
    "DELETE FROM card WHERE profile_id = ANY(%(losers)s::bigint[]) AND section = 'profile'",
)
_MOVE = (
    "UPDATE link SET recorded_to = %(now)s WHERE recorded_to IS NULL AND origin_id = %(origin)s",
    """INSERT INTO link (origin_id, root_id, recorded_from, event_id, reason)
       VALUES (%(origin)s, %(root)s, %(now)s, %(event)s, %(reason)s)""",
    "UPDATE origin SET root_id = %(root)s, bucket = %(bucket)s WHERE id = %(origin)s",
)
