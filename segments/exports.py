"""Memberships as an export tells them: who was in which segment during each day."""

from collections.abc import Iterator

import pyarrow as pa

from profiles.exports.tables import MOMENT, Column, Part, Question, Table, months
from segments.models import Segment

# A stay counts for every day that it touches. The stays of somebody who was merged away are those of who they are now.
_STAYS = """
SELECT d.day::date, x.person_id, g.key, m.entered_at, m.left_at, v.number, m.cause, m.left_cause
  FROM generate_series(%(start)s::timestamp, %(end)s::timestamp - interval '1 day', interval '1 day') AS d (day)
  JOIN membership m ON m.entered_at < (d.day + interval '1 day') AT TIME ZONE 'UTC'
                   AND (m.left_at IS NULL OR m.left_at > d.day AT TIME ZONE 'UTC')
  JOIN origin o ON o.id = m.profile_id
  JOIN export_people x ON x.profile_id = o.root_id
  JOIN segment g ON g.id = m.segment_id
  JOIN segment_version v ON v.id = m.version_id
 WHERE %(segment)s::text = '' OR g.key = %(segment)s
"""


def memberships() -> Table:
    """Who was in which segment, by day."""
    return Table(
        "memberships",
        "segments",
        "Who was in which segment at any moment of the UTC day.",
        (
            Column("person_id", pa.string(), "Whose stay it is."),
            Column("segment", pa.string(), "Key of the segment."),
            Column("entered_at", MOMENT, "When the person entered."),
            Column("left_at", MOMENT, "When the person left; null while they are in."),
            Column("version", pa.int64(), "Version of the rule under which they entered."),
            Column("cause", pa.string(), "What made them enter."),
            Column("left_cause", pa.string(), "What made them leave."),
        ),
        _parts,
        has_segment=lambda key: Segment.objects.filter(key=key).exists(),
    )


def _parts(asked: Question) -> Iterator[Part]:
    for start, end in months(asked.start, asked.end):
        yield Part(_STAYS, {"start": start.isoformat(), "end": end.isoformat(), "segment": asked.segment})
