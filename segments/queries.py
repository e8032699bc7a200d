"""Reads that the API, the admin and the person's page share."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import connection, connections

from profiles.api.reads import Audience
from segments.content import rule_of
from segments.freshness import Freshness, of_status
from segments.models import Membership, RuleEpoch, Segment
from segments.rules.sentences import sentence


class Status(StrEnum):
    """How far a segment has come, in one word."""

    DRAFT = "draft"
    BACKFILLING = "backfilling"
    READY = "ready"
    BROKEN = "broken"
    CANCELLED = "cancelled"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Summary:
    """A segment as lists show it. `size` counts its members now."""

    key: str
    name: str
    description: str
    status: Status
    version: int | None
    sentence: str
    size: int
    published_at: datetime | None
    ready_at: datetime | None
    freshness: Freshness = Freshness.READY


@dataclass(frozen=True, slots=True)
class Member:
    profile_id: int
    entered_at: datetime
    version: int


def summaries(segments: Iterable[Segment]) -> tuple[Summary, ...]:
    """Summarise segments (with `live_version` selected) in two queries, however many they are."""
    heads = list(segments)
    ids = [head.pk for head in heads]
    latest = {row.segment_id: row for row in RuleEpoch.objects.filter(segment__in=ids).latest_per_segment()}
    size_of = sizes(ids)
    return tuple(_summary(head, latest.get(head.pk), size_of.get(head.pk, 0)) for head in heads)


#: Up to here a segment's members are counted; a larger one is told by the planner's statistics, which are free.
COUNTED_UP_TO = 5_000
_SIZES = """
WITH told AS (
    SELECT value, frequency * (SELECT reltuples FROM pg_class WHERE relname = 'membership_one_open') AS rows
      FROM pg_stats, unnest(most_common_vals::text::bigint[], most_common_freqs) AS common (value, frequency)
     WHERE schemaname = current_schema() AND tablename = 'membership' AND attname = 'segment_id')
SELECT asked.id, CASE WHEN counted.members <= %(most)s THEN counted.members
                      ELSE greatest(counted.members, coalesce(told.rows, 0)::bigint) END
  FROM unnest(%(ids)s::bigint[]) AS asked (id)
 CROSS JOIN LATERAL (
       SELECT count(*) AS members FROM (
           SELECT FROM membership
            WHERE segment_id = asked.id AND left_at IS NULL LIMIT %(most)s + 1) AS first) AS counted
  LEFT JOIN told ON told.value = asked.id
"""


def sizes(segment_ids: Iterable[int]) -> dict[int, int]:
    """How many current members each segment has: exact while it has few, about right when it is large."""
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, {"ids": list(segment_ids), "most": COUNTED_UP_TO})
        return dict(cursor.fetchall())


def members(*, segment: Segment, after: int, limit: int) -> tuple[Member, ...]:
    """The next current members by ascending profile id."""
    rows = (
        Membership.objects.current()
        .filter(segment=segment, profile_id__gt=after)
        .order_by("profile_id")
        .values_list("profile_id", "entered_at", "standing_version__number")[:limit]
    )
    return tuple(Member(*row) for row in rows)


# On the connection of the reads it belongs to.
_AUDIENCES = """
SELECT segment.key, bool_or(m.left_at IS NULL), max(coalesce(m.left_at, m.entered_at))
  FROM membership m JOIN segment ON segment.id = m.segment_id
 WHERE m.profile_id = %s AND segment.live_version_id IS NOT NULL GROUP BY segment.key
"""


def audiences(profile_id: int, /) -> dict[str, Audience]:
    """The live segments that somebody is in, or was in once, by their keys."""
    with connections["reads"].cursor() as cursor:
        cursor.execute(_AUDIENCES, [profile_id])
        return {key: Audience(is_member, since) for key, is_member, since in cursor.fetchall()}


def status_of(*, epoch_status: str | None, version_id: int | None) -> Status:
    """The segment's status by its latest epoch; None where it never had one."""
    if epoch_status is None:
        return Status.DRAFT
    if version_id is None:
        return Status.RETIRED
    return Status(epoch_status)


def _summary(head: Segment, row: RuleEpoch | None, size: int) -> Summary:
    live = head.live_version
    return Summary(
        key=head.key,
        name=head.name,
        description=head.description,
        status=status_of(epoch_status=row.status if row else None, version_id=row.version_id if row else None),
        version=live.number if live else None,
        sentence=sentence(rule_of(live.content)) if live else "",
        size=size,
        published_at=row.published_at if row else None,
        ready_at=row.ready_at if row else None,
        freshness=of_status(row.status) if row else Freshness.READY,
    )
