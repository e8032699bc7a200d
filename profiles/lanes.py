"""Lanes: the single writer for each share of the people.

A claim stores events and notes whom it touched. Here, in another transaction, those notes are taken, the people are
locked, and only then, in new statements and so on a newer snapshot, is their state computed from all that is stored
about them. An event and its note commit together, so whoever takes the note sees the event; two events that never saw
each other inside their claims are both seen here. No evaluation builds on an earlier one, only on stored facts.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from cdp.copying import array, copy_rows
from cdp.outages import is_passing
from profiles import card, failures, traits
from profiles.identity.resolve import bucket_of
from profiles.models import Cause

log = logging.getLogger(__name__)

LANES_PER_BATCH = 512
TOUCHES_PER_BATCH = 8_000
DUE_PER_SWEEP = 2_000
#: More than this many people failing in one batch are no people's fault: then everybody waits until it is mended.
MOST_PARKED_AT_ONCE = 100
PARKED_FOR = timedelta(minutes=5)
EVERYTHING = "*"
_TRAIT = "trait:"
_IDENTIFIER = "identifier:"
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Touch:
    """What changed about one person since their last evaluation, and why they are looked at again."""

    keys: frozenset[str]
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LaneBatch:
    """The people of one evaluation; `now` is the one moment all of them are evaluated at."""

    now: datetime
    people: Mapping[int, Touch]


#: A touch as it is taken from the queue: profile id, keys, cause.
_Taken = tuple[int, Sequence[str], str]
Step = Callable[[LaneBatch], Mapping[int, datetime]]

# In any order: while more lanes wait than one run takes, a fixed order would leave the last of them waiting for ever.
_TAKE_LANES = """
SELECT id FROM lane WHERE EXISTS (SELECT FROM touched WHERE touched.lane = lane.id)
 ORDER BY random() LIMIT %s FOR UPDATE SKIP LOCKED
"""
# What an application waits for goes before what a publication or a new threshold touches in bulk.
_TAKE_TOUCHES = """
DELETE FROM touched WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM touched WHERE lane = ANY(%s)
     ORDER BY cause IN ('backfill', 'version', 'threshold'), id LIMIT %s))
RETURNING profile_id, keys, cause
"""
_TAKE_TOUCHES_OF_ONE = """
DELETE FROM touched WHERE id IN (
    SELECT id FROM touched WHERE lane = %s AND profile_id = %s FOR UPDATE SKIP LOCKED)
RETURNING profile_id, keys, cause
"""
_LOCK_PEOPLE = """
SELECT id, merged_into, evaluated_at FROM profile WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""
_UPDATE_PEOPLE = """
UPDATE profile
   SET evaluated_at = %(now)s, revision = revision + 1, event_count = counted.events,
       first_seen_at = counted.first, last_seen_at = counted.last,
       traits = CASE WHEN profile.id = ANY(%(changed)s::bigint[]) THEN coalesce(
           (SELECT jsonb_object_agg(name, value) FROM trait WHERE profile_id = profile.id AND value IS NOT NULL), '{}')
           ELSE traits END
  FROM (SELECT root_id, sum(event_count) AS events, min(first_seen_at) AS first, max(last_seen_at) AS last
          FROM origin WHERE root_id = ANY(%(people)s::bigint[]) GROUP BY root_id) AS counted
 WHERE profile.id = counted.root_id
"""
_TAKE_PASSED = "DELETE FROM due WHERE profile_id = ANY(%s::bigint[]) AND due_at <= %s RETURNING profile_id"
_WRITE_DUE = """
INSERT INTO due (profile_id, bucket, due_at)
SELECT * FROM unnest(%s::bigint[], %s::smallint[], %s::timestamptz[])
    ON CONFLICT (profile_id) DO UPDATE SET due_at = excluded.due_at WHERE due.due_at > excluded.due_at
"""
_SWEEP = """
INSERT INTO touched (lane, profile_id, keys, cause)
SELECT bucket, profile_id, '{*}', 'sweep' FROM due
 WHERE due_at <= clock_timestamp()
   AND NOT EXISTS (SELECT FROM touched
                    WHERE lane = bucket AND touched.profile_id = due.profile_id AND cause = 'sweep')
   AND NOT EXISTS (SELECT FROM parked_touch WHERE parked_touch.profile_id = due.profile_id)
 ORDER BY due_at LIMIT %s
"""

_RELEASE = """
WITH released AS (
    DELETE FROM parked_touch WHERE parked_at <= clock_timestamp() - make_interval(secs => %s)
    RETURNING profile_id, keys, cause)
INSERT INTO touched (lane, profile_id, keys, cause) SELECT profile_id %% 1024, profile_id, keys, cause FROM released
"""


def touch(*, profile_ids: Iterable[int], keys: Iterable[str], cause: Cause | str) -> None:
    """Have people looked at again, in the transaction of whatever changed about them."""
    spelled = list(keys)
    ids = sorted(set(profile_ids))
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO touched (lane, profile_id, keys, cause)"
                " SELECT id %% 1024, id, %s::text[], %s FROM unnest(%s::bigint[]) AS id",
                [spelled, str(Cause(cause).value), ids],
            )


def run_once(*, limit: int = LANES_PER_BATCH) -> int:
    """Take up to `limit` lanes with touched people, evaluate those people, and return how many touches were taken.

    Somebody whose evaluation fails by themselves is parked, so that the others go on.
    """
    try:
        return _run(limit, _evaluate)
    except Exception as error:  # whatever a stored value can cause in any step
        if is_passing(error):
            raise
        log.error("an evaluation failed and is done in parts: %s", failures.told_without_data(error))
    return _run(limit, _evaluate_in_parts)


@transaction.atomic
def _run(limit: int, evaluate: Callable[[Any, Sequence[_Taken]], None]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_LANES, [limit])
        lanes = [lane for (lane,) in cursor.fetchall()]
        if not lanes:
            return 0
        cursor.execute(_TAKE_TOUCHES, [lanes, TOUCHES_PER_BATCH])
        touches = cursor.fetchall()
        evaluate(cursor, touches)
        return len(touches)


@transaction.atomic
def refresh(profile_id: int) -> None:
    """Evaluate one person now, for a reader who cannot wait for the lane; waits only for that person's lock.

    Their lock alone makes this a single writer as well: a lane takes it too, before it looks at anything.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_PEOPLE, [array([profile_id])])
        cursor.execute(_TAKE_TOUCHES_OF_ONE, [bucket_of(profile_id), profile_id])
        _evaluate(cursor, [*cursor.fetchall(), (profile_id, [EVERYTHING], Cause.SWEEP.value)])


def evaluate_now(*, profile_ids: Iterable[int], keys: Iterable[str], cause: Cause | str) -> None:
    """Evaluate people in the caller's transaction without queueing them: for a backfill, which brings thousands."""
    spelled = list(keys)
    with connection.cursor() as cursor:
        _evaluate(cursor, [(profile_id, spelled, str(Cause(cause).value)) for profile_id in profile_ids])


def sweep_due(*, limit: int = DUE_PER_SWEEP) -> int:
    """Touch the people whose due time has come, at most `limit`; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_SWEEP, [limit])
        return int(cursor.rowcount)


def release_parked() -> int:
    """Have parked people tried again, once each has waited; return how many touches that are."""
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [PARKED_FOR.total_seconds()])
        return int(cursor.rowcount)


def _evaluate_in_parts(cursor: Any, touches: Sequence[_Taken]) -> None:
    """Evaluate in halves of halves until those who fail stand alone, and park these. In the order of ids, as all lock.

    Raises what they fail with when they are too many.
    """
    of: defaultdict[int, list[_Taken]] = defaultdict(list)
    for taken in touches:
        of[taken[0]].append(taken)
    parts, parked = [sorted(of)], 0
    while parts:
        people = parts.pop()
        try:
            with transaction.atomic():
                _evaluate(cursor, [taken for person in people for taken in of[person]])
        except Exception as error:
            if is_passing(error) or parked == MOST_PARKED_AT_ONCE:
                raise
            if len(people) > 1:
                half = len(people) // 2
                parts += [people[half:], people[:half]]
                continue
            parked += 1
            _park(cursor, of[people[0]], error)


def _park(cursor: Any, touches: Sequence[_Taken], error: Exception) -> None:
    told = failures.told_without_data(error)
    rows = [(profile, array(keys), cause, told) for profile, keys, cause in touches]
    copy_rows(cursor, "parked_touch", ("profile_id", "keys", "cause", "error"), rows)


def _evaluate(cursor: Any, touches: Sequence[_Taken]) -> None:
    keys: defaultdict[int, set[str]] = defaultdict(set)
    causes: defaultdict[int, dict[str, None]] = defaultdict(dict)
    for profile, changed, cause in touches:
        keys[profile].update(changed)
        causes[profile][cause] = None
    people, now = _lock(cursor, keys, causes)
    if not people:
        return
    _look_at_everything_when_due(cursor, keys, causes, people, now=now)
    everything = [profile for profile in people if EVERYTHING in keys[profile]]
    traits_of = {key: key.removeprefix(_TRAIT) for key in set().union(*keys.values()) if key.startswith(_TRAIT)}
    named = {
        profile: {traits_of[key] for key in traits_of.keys() & keys[profile]}
        for profile in people
        if EVERYTHING not in keys[profile]
    }
    regrouped = [profile for profile in people if Cause.MERGE.value in causes[profile]]
    folded = traits.fold(cursor, named=named, everything=everything, regrouped=regrouped)
    cursor.execute(_UPDATE_PEOPLE, {"now": now, "changed": array(folded), "people": array(people)})
    renamed = {profile for profile in people if any(key.startswith(_IDENTIFIER) for key in keys[profile])}
    card.write_profile_section(folded | renamed | set(everything), now=now)
    batch = LaneBatch(now, {profile: Touch(frozenset(keys[profile]), tuple(causes[profile])) for profile in people})
    _write_due(cursor, _take_steps(batch))


def _lock(
    cursor: Any, keys: Mapping[int, set[str]], causes: Mapping[int, Mapping[str, None]]
) -> tuple[list[int], datetime]:
    """Lock the people in one order for all, pass on what belongs to a merge's winner, and read the clock after it."""
    cursor.execute(_LOCK_PEOPLE, [array(keys)])
    rows = cursor.fetchall()
    forwarded = [
        (bucket_of(winner), winner, "{" + EVERYTHING + "}", cause)
        for profile, winner, _ in rows
        if winner is not None
        for cause in causes[profile]
    ]
    copy_rows(cursor, "touched", ("lane", "profile_id", "keys", "cause"), forwarded)
    cursor.execute("SELECT clock_timestamp()")
    now = cursor.fetchone()[0]
    people = [profile for profile, winner, _ in rows if winner is None]
    # Never at or before an earlier evaluation of the same person: periods would come out empty or negative.
    latest = max((evaluated for _, _, evaluated in rows if evaluated is not None), default=now - _TICK)
    return people, max(now, latest + _TICK)


def _look_at_everything_when_due(
    cursor: Any,
    keys: Mapping[int, set[str]],
    causes: Mapping[int, dict[str, None]],
    people: Sequence[int],
    *,
    now: datetime,
) -> None:
    """A due time that has passed may belong to any rule: without this, the next one would be that of a few rules."""
    cursor.execute(_TAKE_PASSED, [array(people), now])
    for (profile,) in cursor.fetchall():
        keys[profile].add(EVERYTHING)
        causes[profile][Cause.SWEEP.value] = None


@cache
def _steps(paths: tuple[str, ...]) -> tuple[Step, ...]:
    return tuple(import_string(path) for path in paths)


def _take_steps(batch: LaneBatch) -> dict[int, datetime]:
    due: dict[int, datetime] = {}
    for step in _steps(tuple(settings.LANE_STEPS)):
        for profile, at in step(batch).items():
            due[profile] = min(at, due.get(profile, at))
    return due


def _write_due(cursor: Any, due: Mapping[int, datetime]) -> None:
    ids = sorted(due)
    if ids:
        buckets, moments = array(map(bucket_of, ids)), array(due[profile] for profile in ids)
        cursor.execute(_WRITE_DUE, [array(ids), buckets, moments])
