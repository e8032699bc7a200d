"""How a segment's size went, day by day, and who was in it on a day. Days are UTC days, as in exports.

Memberships never change about the past, so a day that is over is counted once (`close_days`) and the days since are
counted when somebody looks. Days without any change have no row: the size stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db import connection, transaction

from segments.models import RuleEpoch, Segment

#: A flip is dated by its lane's clock and may commit a little later: only then is its day over.
SETTLED_AFTER = timedelta(hours=1)
_ONE_COUNTER = 0x5E67_0005


@dataclass(frozen=True, slots=True)
class Day:
    """What happened on a day, and how many were in at its end; of today, so far."""

    day: date
    entered: int
    left: int
    size: int


@dataclass(frozen=True, slots=True)
class Published:
    """A version that went live, or, with `version` of None, the segment's retirement."""

    at: datetime
    version: int | None


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody's stay on the day that was asked for. `version` is the one they entered under.

    The stay of a profile that was merged since is that of `person_id`, who they are now.
    """

    person_id: int
    profile_id: int
    membership_id: int
    entered_at: datetime
    left_at: datetime | None
    version: int
    cause: str


@transaction.atomic
def close_days(*, now: datetime) -> int:
    """Count the days that are over and not counted yet, for all segments at once; say how many rows that made."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ONE_COUNTER])
        (alone,) = cursor.fetchone()
        if not alone:
            return 0
        cursor.execute(_CLOSE, {"until": _midnight((now - SETTLED_AFTER).astimezone(UTC).date())})
        return int(cursor.rowcount)


def days(*, segment_id: int, first: date, last: date) -> tuple[Day, ...]:
    """Return every day of [first, last], also those on which nothing happened."""
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, {"segment": segment_id, "first": first, "last": last})
        return tuple(Day(*row) for row in cursor.fetchall())


def published(*, segment_id: int, first: date, last: date) -> tuple[Published, ...]:
    """Return when which version went live, the one in force as the period begins included.

    An epoch that only repeats a version, because the type of something it reads changed, changes no version.
    """
    rows = RuleEpoch.objects.filter(segment_id=segment_id, published_at__lt=_midnight(last + timedelta(days=1)))
    found: list[Published] = []
    for at, number in rows.order_by("epoch").values_list("published_at", "version__number"):
        if not found or found[-1].version != number:
            found.append(Published(at, number))
    begins = _midnight(first)
    before = [one for one in found if one.at < begins]
    return (*before[-1:], *(one for one in found if one.at >= begins))


def members_on(*, segment: Segment, day: date, after: tuple[int, int], limit: int) -> tuple[Stay, ...]:
    """The next stays that touched the day, by profile and stay; somebody who came back has one for each time.

    `after` is the profile and the stay of the last one that was told.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _ON_DAY,
            {
                "segment": segment.pk,
                "start": _midnight(day),
                "end": _midnight(day + timedelta(days=1)),
                "profile": after[0],
                "stay": after[1],
                "limit": limit,
            },
        )
        return tuple(Stay(*row) for row in cursor.fetchall())


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many people are in both of two segments; of one and itself, how many are in it."""

    segments: tuple[Segment, ...]
    both: dict[tuple[int, int], int]
    as_of: datetime


def overlap(*, segments: Sequence[Segment], now: datetime) -> Overlap:
    """Count, in one pass over their current members, how many people every two of the segments share."""
    with connection.cursor() as cursor:
        cursor.execute(_OVERLAP, {"segments": [segment.pk for segment in segments]})
        both = {(one, other): people for one, other, people in cursor.fetchall()}
    return Overlap(tuple(segments), both | {(other, one): n for (one, other), n in both.items()}, now)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


# The days before the first one kept are over as well: that is where a new installation, or an upgrade, begins.
_CLOSE = """
WITH since AS (
    SELECT coalesce((SELECT (max(day) + 1)::timestamp AT TIME ZONE 'UTC' FROM segment_day), '-infinity') AS at),
flipped AS (
    SELECT segment_id, (entered_at AT TIME ZONE 'UTC')::date AS day, count(*) AS entered, 0 AS "left"
      FROM membership WHERE entered_at >= (SELECT at FROM since) AND entered_at < %(until)s GROUP BY 1, 2
     UNION ALL
    SELECT segment_id, (left_at AT TIME ZONE 'UTC')::date, 0, count(*)
      FROM membership WHERE left_at >= (SELECT at FROM since) AND left_at < %(until)s GROUP BY 1, 2),
told AS (SELECT segment_id, day, sum(entered) AS entered, sum("left") AS "left" FROM flipped GROUP BY 1, 2),
base AS (SELECT DISTINCT ON (segment_id) segment_id, size FROM segment_day ORDER BY segment_id, day DESC)
INSERT INTO segment_day (segment_id, day, entered, "left", size)
SELECT segment_id, day, entered, "left",
       coalesce(base.size, 0) + sum(entered - "left") OVER (PARTITION BY segment_id ORDER BY day)
  FROM told LEFT JOIN base USING (segment_id)
"""
_DAYS = """
WITH closed AS (SELECT coalesce((SELECT max(day) FROM segment_day), '-infinity'::date) AS day),
open_from AS (
    SELECT CASE WHEN isfinite(day) THEN (day + 1)::timestamp AT TIME ZONE 'UTC' ELSE '-infinity' END AS at FROM closed),
told AS (
    SELECT day, entered, "left" FROM segment_day WHERE segment_id = %(segment)s
     UNION ALL
    SELECT (entered_at AT TIME ZONE 'UTC')::date, count(*), 0 FROM membership
     WHERE segment_id = %(segment)s AND entered_at >= (SELECT at FROM open_from) GROUP BY 1
     UNION ALL
    SELECT (left_at AT TIME ZONE 'UTC')::date, 0, count(*) FROM membership
     WHERE segment_id = %(segment)s AND left_at >= (SELECT at FROM open_from) GROUP BY 1),
per_day AS (SELECT day, sum(entered) AS entered, sum("left") AS "left" FROM told GROUP BY 1)
SELECT asked.day::date, coalesce(entered, 0)::bigint, coalesce("left", 0)::bigint,
       ((SELECT coalesce(sum(entered - "left"), 0) FROM per_day WHERE day < %(first)s)
        + sum(coalesce(entered, 0) - coalesce("left", 0)) OVER (ORDER BY asked.day))::bigint
  FROM generate_series(%(first)s::date, %(last)s::date, interval '1 day') AS asked (day)
  LEFT JOIN per_day ON per_day.day = asked.day::date
 ORDER BY 1
"""
# Open and past stays have an index each, in the order of the page.
_ON_DAY = """
SELECT origin.root_id, profile_id, m.id, entered_at, left_at, version.number, cause
  FROM (SELECT * FROM (SELECT id, profile_id, version_id, entered_at, left_at, cause FROM membership
                        WHERE segment_id = %(segment)s AND left_at IS NULL AND entered_at < %(end)s
                          AND profile_id >= %(profile)s AND (profile_id, id) > (%(profile)s, %(stay)s)
                        ORDER BY profile_id, id LIMIT %(limit)s) AS open
        UNION ALL
        SELECT * FROM (SELECT id, profile_id, version_id, entered_at, left_at, cause FROM membership
                        WHERE segment_id = %(segment)s AND left_at IS NOT NULL AND left_at > %(start)s
                          AND entered_at < %(end)s AND profile_id >= %(profile)s
                          AND (profile_id, id) > (%(profile)s, %(stay)s)
                        ORDER BY profile_id, id LIMIT %(limit)s) AS past) AS m
  JOIN segment_version AS version ON version.id = m.version_id
  JOIN origin ON origin.id = m.profile_id
 ORDER BY profile_id, m.id LIMIT %(limit)s
"""
_OVERLAP = """
WITH held AS MATERIALIZED (
    SELECT profile_id, segment_id FROM membership WHERE segment_id = ANY(%(segments)s::bigint[]) AND left_at IS NULL)
SELECT one.segment_id, other.segment_id, count(*)
  FROM held AS one JOIN held AS other ON other.profile_id = one.profile_id AND other.segment_id >= one.segment_id
 GROUP BY 1, 2
"""
