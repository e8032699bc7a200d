"""What a rule would do if it were live now: counted by the statement that would do it, over everybody."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from cdp.ids import to_public
from segments.judging import compiled
from segments.rules.nodes import Rule
from segments.rules.parser import Problem
from segments.rules.sentences import sentence
from segments.rules.vocabulary import Catalogue

_SAMPLE = 5

_COMPARE = """
WITH decided AS MATERIALIZED ({decided}),
compared AS (
    SELECT coalesce(d.profile_id, m.profile_id) AS profile_id, coalesce(d.v0, false) AS holds,
        m.id IS NOT NULL AS is_member
    FROM decided d FULL JOIN (
        SELECT id, profile_id FROM membership WHERE segment_id = %(segment_id)s AND left_at IS NULL
    ) m ON m.profile_id = d.profile_id
)
SELECT count(*) FILTER (WHERE holds), count(*) FILTER (WHERE holds AND NOT is_member),
    count(*) FILTER (WHERE is_member AND NOT holds), count(*) FILTER (WHERE holds AND is_member), count(*),
    ARRAY(SELECT profile_id FROM compared WHERE holds AND NOT is_member ORDER BY profile_id LIMIT {sample}),
    ARRAY(SELECT profile_id FROM compared WHERE is_member AND NOT holds ORDER BY profile_id LIMIT {sample}),
    ARRAY(SELECT profile_id FROM compared WHERE holds ORDER BY profile_id LIMIT {sample})
FROM compared
"""


@dataclass(frozen=True, slots=True)
class Preview:
    """Who would be in, beside who is; the samples are profile ids."""

    sentence: str
    as_of: datetime
    people: int
    size: int
    entering: int
    leaving: int
    unchanged: int
    entering_sample: tuple[int, ...]
    leaving_sample: tuple[int, ...]
    sample: tuple[int, ...]


def preview(*, rule: Rule, segment_id: int | None, catalogue: Catalogue, now: datetime) -> Preview:
    """Count a rule over everybody against the current members of `segment_id`; writes nothing."""
    decided = compiled({"draft": rule}, catalogue=catalogue, leaves=False).sql
    with connection.cursor() as cursor:
        cursor.execute(
            _COMPARE.format(decided=decided, sample=_SAMPLE), {"ids": None, "now": now, "segment_id": segment_id}
        )
        size, entering, leaving, unchanged, people, entering_sample, leaving_sample, sample = cursor.fetchone()
    return Preview(
        sentence=sentence(rule),
        as_of=now,
        people=people,
        size=size,
        entering=entering,
        leaving=leaving,
        unchanged=unchanged,
        entering_sample=tuple(entering_sample),
        leaving_sample=tuple(leaving_sample),
        sample=tuple(sample),
    )


def as_evidence(preview: Preview, *, warnings: Iterable[Problem]) -> Mapping[str, Any]:
    """The preview as the JSON that is frozen with a request for approval."""
    return {
        "sentence": preview.sentence,
        "as_of": preview.as_of.isoformat(),
        "people": preview.people,
        "size": preview.size,
        "entering": preview.entering,
        "leaving": preview.leaving,
        "unchanged": preview.unchanged,
        "entering_sample": [to_public(profile_id) for profile_id in preview.entering_sample],
        "leaving_sample": [to_public(profile_id) for profile_id in preview.leaving_sample],
        "sample": [to_public(profile_id) for profile_id in preview.sample],
        "warnings": [{"code": warning.code, "path": warning.path, "message": warning.message} for warning in warnings],
    }
