"""Touches: whom to look at again, and in which turn they are taken.

A turn takes people, not rows: all that waits for somebody is taken at once, so that however often they were touched
they are evaluated once. People with long histories take long to evaluate. They stand in `heavy_person` and have turns
of their own, of which one process at a time takes one: whoever waits in the ordinary turns never waits behind them, and
a process is always left for the others. Somebody heavy rests a moment between two evaluations, however often they are
touched; a read is right all the same, since what a reader cannot wait for is evaluated by `lanes.refresh`.

Taking a touch also counts what its claim stored, per origin, so that a person's figures stay exact when an origin
changes hands. A claim locks nobody: two claims with events of the same people run side by side, and a merge waits for
neither. So an origin may have changed hands between a claim's look and its commit. Whoever takes the touch sees whose
the origin is by then, and passes the touch on to them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.db import connection
from msgspec.json import decode

from cdp.copying import array, columns
from profiles.context import last_known
from profiles.models import Cause

#: From how many events on somebody is heavy: a turn of thousands of ordinary people takes about as long as one of them.
HEAVY_EVENTS = 2_000
REST = timedelta(seconds=1)
PEOPLE_PER_TURN = 8_000
EVENTS_PER_HEAVY_TURN = 50_000
_ONE_HEAVY_TURN = 0x5E67_0003

#: A touch as it is taken from the queue: profile id, keys, cause.
Taken = tuple[int, Sequence[str], str]

# People before origins, and each in the order of ids, as a merge locks them; everybody who is taken, because who is
# locked later, when they are evaluated, is out of that order.
_COUNTED = """
told AS MATERIALIZED (
    SELECT origin_id, sum(events) AS events, min(first_at) AS first, max(last_at) AS last
      FROM taken WHERE origin_id IS NOT NULL GROUP BY 1),
locked AS MATERIALIZED (
    SELECT FROM profile WHERE id = ANY(ARRAY(SELECT profile_id FROM taken)) ORDER BY id FOR NO KEY UPDATE),
held AS MATERIALIZED (
    SELECT id FROM origin WHERE (SELECT count(*) >= 0 FROM locked) AND id = ANY(ARRAY(SELECT origin_id FROM told))
     ORDER BY id FOR NO KEY UPDATE),
counted AS (
    UPDATE origin SET event_count = event_count + told.events, first_seen_at = least(first_seen_at, told.first),
           last_seen_at = greatest(last_seen_at, told.last)
      FROM held JOIN told ON told.origin_id = held.id WHERE origin.id = held.id
    RETURNING origin.id, root_id),
passed_on AS (
    INSERT INTO touched (lane, profile_id, keys, cause)
    SELECT DISTINCT root_id %% 1024, root_id, ARRAY['*'], cause FROM taken JOIN counted ON counted.id = origin_id
     WHERE root_id <> profile_id)
SELECT profile_id, to_json(keys)::text, cause, origin_id, context FROM taken
"""
_COUNTS = "origin_id, events, first_at, last_at, context"
# In any order: while more lanes wait than one run takes, a fixed order would leave the last of them waiting for ever.
_TAKE_LANES = """
SELECT id FROM lane WHERE EXISTS (SELECT FROM touched WHERE touched.lane = lane.id)
 ORDER BY random() LIMIT %s FOR UPDATE SKIP LOCKED
"""
# What an application waits for goes before what a publication or a new threshold touches in bulk.
_TAKE = f"""
WITH people AS MATERIALIZED (
    SELECT profile_id FROM touched
     WHERE lane = ANY(%(lanes)s::smallint[]) AND profile_id NOT IN (SELECT profile_id FROM heavy_person)
     GROUP BY profile_id
     ORDER BY bool_and(cause IN ('backfill', 'version', 'threshold', 'list')), min(id) LIMIT %(people)s),
taken AS (
    DELETE FROM touched USING people
     WHERE touched.lane = ANY(%(lanes)s::smallint[]) AND touched.profile_id = people.profile_id
    RETURNING touched.profile_id, keys, cause, {_COUNTS}),
{_COUNTED}
"""
_CHOOSE_HEAVY = """
SELECT profile_id FROM (
    SELECT profile_id, sum(events) OVER (ORDER BY first) - events AS before FROM (
        SELECT heavy.profile_id, min(touched.id) AS first, coalesce(max(profile.event_count), 0) AS events
          FROM heavy_person AS heavy
          JOIN touched ON touched.lane = heavy.profile_id %% 1024 AND touched.profile_id = heavy.profile_id
          LEFT JOIN profile ON profile.id = heavy.profile_id
         WHERE profile.evaluated_at IS NULL OR profile.evaluated_at <= clock_timestamp() - %s
         GROUP BY 1) AS waiting) AS queued
 WHERE before < %s
"""
_TAKE_OF = f"""
WITH taken AS (
    DELETE FROM touched WHERE id IN (
        SELECT touched.id FROM unnest(%s::bigint[]) AS wanted (id)
          JOIN touched ON touched.lane = wanted.id %% 1024 AND touched.profile_id = wanted.id
         ORDER BY touched.id FOR UPDATE OF touched SKIP LOCKED)
    RETURNING profile_id, keys, cause, {_COUNTS}),
{_COUNTED}
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
                [spelled, str(Cause(cause).value), array(ids)],
            )


def touch_behind(*, origins: Mapping[int, int], keys: Iterable[str], cause: Cause | str) -> None:
    """Have the people looked at whose origins these were when they were looked up, or whose they are by then.

    For a writer who keeps origins from nobody, like a claim: the touch goes after an origin that changes hands.
    """
    spelled = list(keys)
    if origins:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO touched (lane, profile_id, keys, cause, origin_id, events)"
                " SELECT root %% 1024, root, %s::text[], %s, origin, 0"
                "   FROM unnest(%s::bigint[], %s::bigint[]) AS told (origin, root)",
                [spelled, str(Cause(cause).value), *columns(sorted(origins.items()))],
            )


def take(cursor: Any, *, lanes: int) -> list[Taken]:
    """Take up to `lanes` lanes for this transaction, and all that waits there for people who are not heavy."""
    cursor.execute(_TAKE_LANES, [lanes])
    taken = [lane for (lane,) in cursor.fetchall()]
    if not taken:
        return []
    cursor.execute(_TAKE, {"lanes": array(taken), "people": PEOPLE_PER_TURN})
    return _taken(cursor)


def take_heavy(cursor: Any) -> list[Taken]:
    """Take what waits for heavy people who have rested; nothing while another process is at it."""
    cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ONE_HEAVY_TURN])
    (alone,) = cursor.fetchone()
    if not alone:
        return []
    cursor.execute(_CHOOSE_HEAVY, [REST, EVENTS_PER_HEAVY_TURN])
    people = [profile for (profile,) in cursor.fetchall()]
    return take_of(cursor, profile_ids=people) if people else []


def take_of(cursor: Any, *, profile_ids: Iterable[int]) -> list[Taken]:
    """Take what waits for these people and is not being taken by somebody else."""
    cursor.execute(_TAKE_OF, [array(profile_ids)])
    return _taken(cursor)


def _taken(cursor: Any) -> list[Taken]:
    """The touches, those marked by which somebody may be last known otherwise than before."""
    rows = cursor.fetchall()
    told = [(origin, context) for *_, origin, context in rows if context is not None]
    marked = last_known.keep(cursor, told) if told else frozenset[int]()
    return [
        (profile, (*_keys(keys), last_known.KEY) if origin in marked else _keys(keys), cause)
        for profile, keys, cause, origin, _ in rows
    ]


@lru_cache(maxsize=4_096)
def _keys(spelled: str) -> tuple[str, ...]:
    """Events of the same names touch thousands of people with the same keys."""
    return decode(spelled, type=tuple[str, ...])
