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
from functools import cache, partial
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from cdp.copying import array, copy_rows
from cdp.outages import is_passing
from profiles import card, failures, touches, traits
from profiles.context import last_known
from profiles.identity.resolve import bucket_of
from profiles.models import Cause
from profiles.touches import HEAVY_EVENTS, Taken, touch

__all__ = [
    "LaneBatch", "Touch", "evaluate_now", "refresh", "release_parked", "run_heavy", "run_once", "sweep_due", "touch",
]  # fmt: skip

log = logging.getLogger(__name__)

LANES_PER_BATCH = 512
DUE_PER_SWEEP = 2_000
#: More than this many people failing in one batch are no people's fault: then everybody waits until it is mended.
MOST_PARKED_AT_ONCE = 100
PARKED_FOR = timedelta(minutes=5)
EVERYTHING = "*"
_TRAIT = "trait:"
_IDENTIFIER = "identifier:"
_TELLING = frozenset({EVERYTHING, last_known.KEY})
_REGROUPED = frozenset({Cause.MERGE.value, Cause.UNMERGE.value})
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


Step = Callable[[LaneBatch], Mapping[int, datetime]]
Take = Callable[[Any], list[Taken]]

_LOCK_PEOPLE = """
SELECT id, merged_into, evaluated_at FROM profile WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""
_UPDATE_PEOPLE = """
WITH updated AS (
    UPDATE profile
       SET evaluated_at = %(now)s, revision = revision + 1, event_count = counted.events,
           first_seen_at = counted.first, last_seen_at = counted.last,
           traits = CASE WHEN profile.id = ANY(%(changed)s::bigint[]) THEN coalesce(
               (SELECT jsonb_object_agg(name, value) FROM trait WHERE profile_id = profile.id AND value IS NOT NULL),
               '{}') ELSE traits END
      FROM (SELECT root_id, sum(event_count) AS events, min(first_seen_at) AS first, max(last_seen_at) AS last
              FROM origin WHERE root_id = ANY(%(people)s::bigint[]) GROUP BY root_id) AS counted
     WHERE profile.id = counted.root_id
    RETURNING profile.id, profile.event_count)
INSERT INTO heavy_person (profile_id) SELECT id FROM updated WHERE event_count >= %(heavy)s ON CONFLICT DO NOTHING
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


def run_once(*, limit: int = LANES_PER_BATCH) -> int:
    """Take up to `limit` lanes with touched people, evaluate those people, and return how many touches were taken.

    Somebody whose evaluation fails by themselves is parked, so that the others go on. Heavy people are left out.
    """
    return _run_safely(partial(touches.take, lanes=limit))


def run_heavy() -> int:
    """Evaluate touched people whose histories are long, as `run_once` does the others; return how many touches."""
    return _run_safely(touches.take_heavy)


def _run_safely(take: Take) -> int:
    try:
        return _run(take, _evaluate)
    except Exception as error:  # whatever a stored value can cause in any step
        if is_passing(error):
            raise
        log.error("an evaluation failed and is done in parts", extra={"error": failures.told_without_data(error)})
    return _run(take, _evaluate_in_parts)


@transaction.atomic
def _run(take: Take, evaluate: Callable[[Any, Sequence[Taken]], None]) -> int:
    with connection.cursor() as cursor:
        taken = take(cursor)
        if taken:
            evaluate(cursor, taken)
        return len(taken)


@transaction.atomic
def refresh(profile_id: int) -> None:
    """Evaluate one person now, for a reader who cannot wait for the lane; waits only for that person's lock.

    Their lock alone makes this a single writer as well: a lane takes it too, before it looks at anything.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_PEOPLE, [array([profile_id])])
        taken = touches.take_of(cursor, profile_ids=[profile_id])
        _evaluate(cursor, [*taken, (profile_id, [EVERYTHING], Cause.SWEEP.value)])


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


def _evaluate_in_parts(cursor: Any, waiting: Sequence[Taken]) -> None:
    """Evaluate in halves of halves until those who fail stand alone, and park these. In the order of ids, as all lock.

    Raises what they fail with when they are too many.
    """
    of: defaultdict[int, list[Taken]] = defaultdict(list)
    for taken in waiting:
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


def _park(cursor: Any, taken: Sequence[Taken], error: Exception) -> None:
    told = failures.told_without_data(error)
    rows = [(profile, array(keys), cause, told) for profile, keys, cause in taken]
    copy_rows(cursor, "parked_touch", ("profile_id", "keys", "cause", "error"), rows)


def _evaluate(cursor: Any, taken: Sequence[Taken]) -> None:
    keys: defaultdict[int, set[str]] = defaultdict(set)
    causes: defaultdict[int, dict[str, None]] = defaultdict(dict)
    for profile, changed, cause in taken:
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
    regrouped = [profile for profile in people if not _REGROUPED.isdisjoint(causes[profile])]
    folded = traits.fold(cursor, named=named, everything=everything, regrouped=regrouped)
    told = [profile for profile in people if not _TELLING.isdisjoint(keys[profile])]
    for profile, names in last_known.fold(cursor, people=told, regrouped=regrouped, now=now).items():
        folded.add(profile)
        keys[profile].update(_TRAIT + name for name in names)
    cursor.execute(
        _UPDATE_PEOPLE, {"now": now, "changed": array(folded), "people": array(people), "heavy": HEAVY_EVENTS}
    )
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
