"""What a rule would do if it were live now, by the statement that would do it: counted over everybody, or estimated.

`preview` counts everybody and is what evidence is made of. `estimate` judges a sample for whoever is still writing the
rule: people in the order of a hash of their ids, which has nothing to do with when they came or what they did, as many
as the time allows. Each figure comes with the interval that holds the true one in 95 of 100 samples.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from math import ceil, sqrt
from typing import Any

from django.db import connection

from cdp.ids import to_public
from profiles.facts.postgres_everybody import everybody
from segments.catalogue import workspace_zone
from segments.judging import compiled
from segments.rules.nodes import Rule
from segments.rules.parser import Problem
from segments.rules.sentences import sentence
from segments.rules.vocabulary import Catalogue

_SAMPLE = 5
#: What an estimate may take by itself, and the most people it judges, however fast that goes.
SECONDS = 1.2
MOST_SAMPLED = 20_000
_FIRST_BATCH = 1_000
_Z = 1.96  # 95 %

# Due times are computed for lanes only: what no outer select asks for, the planner leaves out. And only those who would
# be in are joined and kept, not everybody.
_COMPARE = """
WITH compared AS MATERIALIZED (
    SELECT coalesce(d.profile_id, m.profile_id) AS profile_id, d.profile_id IS NOT NULL AS holds,
        m.profile_id IS NOT NULL AS is_member
    FROM (SELECT profile_id FROM ({decided}) AS judged WHERE v0) d FULL JOIN (
        SELECT profile_id FROM membership WHERE segment_id = %(segment_id)s AND left_at IS NULL
    ) m ON m.profile_id = d.profile_id
)
SELECT count(*) FILTER (WHERE holds), count(*) FILTER (WHERE holds AND NOT is_member),
    count(*) FILTER (WHERE is_member AND NOT holds), count(*) FILTER (WHERE holds AND is_member),
    (SELECT count(*) FROM profile WHERE merged_into IS NULL),
    ARRAY(SELECT profile_id FROM compared WHERE holds AND NOT is_member ORDER BY profile_id LIMIT {sample}),
    ARRAY(SELECT profile_id FROM compared WHERE is_member AND NOT holds ORDER BY profile_id LIMIT {sample}),
    ARRAY(SELECT profile_id FROM compared WHERE holds ORDER BY profile_id LIMIT {sample}){more}
FROM compared
"""

# One pass over the people: how many there are, and those whose hash is small, smallest first.
_DRAWN = """
SELECT count(*), coalesce(array_agg(id ORDER BY hashint8extended(id, 0) & 65535, id)
                          FILTER (WHERE hashint8extended(id, 0) & 65535 < %(share)s), '{}')
  FROM profile WHERE merged_into IS NULL
"""
_ABOUT = "SELECT reltuples::bigint FROM pg_class WHERE oid = 'profile'::regclass"
_MEMBERS = "SELECT count(*) FROM membership WHERE segment_id = %s AND left_at IS NULL"
_JUDGE_SAMPLE = """
WITH decided AS MATERIALIZED (SELECT profile_id, v0 AS holds FROM ({decided}) AS judged)
SELECT count(*) FILTER (WHERE d.holds), count(*) FILTER (WHERE d.holds AND m.profile_id IS NULL),
    count(*) FILTER (WHERE m.profile_id IS NOT NULL AND d.holds IS NOT TRUE),
    count(*) FILTER (WHERE m.profile_id IS NOT NULL AND d.holds),
    (array_agg(d.profile_id) FILTER (WHERE d.holds))[:{sample}]
FROM decided d LEFT JOIN membership m
    ON m.segment_id = %(segment_id)s AND m.profile_id = d.profile_id AND m.left_at IS NULL
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


@dataclass(frozen=True, slots=True)
class Figure:
    """An estimated number of people, and between which numbers the true one lies in 95 of 100 samples."""

    value: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What `preview` would count, from a sample; `is_exact` where the sample was everybody. `members`: who is in now.

    `sample` are up to five profile ids of those who would be in.
    """

    sentence: str
    as_of: datetime
    people: int
    sampled: int
    members: int
    size: Figure
    entering: Figure
    leaving: Figure
    unchanged: Figure
    sample: tuple[int, ...]
    seconds: float

    @property
    def is_exact(self) -> bool:
        return self.sampled == self.people


def preview(*, rule: Rule, segment_id: int | None, catalogue: Catalogue, now: datetime) -> Preview:
    """Count a rule over everybody against the current members of `segment_id`; writes nothing."""
    seen, _ = counted(rule=rule, segment_id=segment_id, catalogue=catalogue, now=now, also=())
    return seen


def counted(
    *, rule: Rule, segment_id: int | None, catalogue: Catalogue, now: datetime, also: Iterable[str]
) -> tuple[Preview, tuple[Any, ...]]:
    """Preview a rule, and ask in the same statement what else `also` selects over `compared`, a scalar each.

    `compared` has a row for everybody who is in or would be: profile_id, holds, is_member. Evaluating is the dear part:
    it is done once, whatever is asked about it.
    """
    statement = _COMPARE.format(
        decided=_of_everybody(rule, catalogue),
        sample=_SAMPLE,
        more="".join(f",\n    ({scalar})" for scalar in also),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, {"ids": None, "now": now, "segment_id": segment_id})
        size, entering, leaving, unchanged, people, *samples = cursor.fetchone()
    entering_sample, leaving_sample, sample, *more = samples
    seen = Preview(
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
    return seen, tuple(more)


def estimate(
    *, rule: Rule, segment_id: int | None, catalogue: Catalogue, now: datetime, seconds: float = SECONDS
) -> Estimate:
    """Judge as many people of the sample as fit into about `seconds`; everybody where they are few."""
    started = time.monotonic()
    statement = _JUDGE_SAMPLE.format(decided=_judgement(rule, catalogue), sample=_SAMPLE)
    people, drawn = _draw()
    totals, sampled = [0, 0, 0, 0], 0
    examples: list[int] = []
    batch = drawn[:_FIRST_BATCH]
    while batch:
        begun = time.monotonic()
        *found, some = _judge(statement, batch, segment_id=segment_id, now=now)
        totals = [total + more for total, more in zip(totals, found, strict=True)]
        examples += some or []
        sampled += len(batch)
        per_person = (time.monotonic() - begun) / len(batch)
        left = seconds - (time.monotonic() - started)
        # Below a first batch's worth of time another statement would cost more than it tells.
        more = int(left / per_person) if left > 0 else 0
        batch = drawn[sampled : sampled + more] if more >= _FIRST_BATCH or more >= len(drawn) - sampled else []
    size, entering, leaving, unchanged = (_figure(total, sampled, people) for total in totals)
    return Estimate(
        sentence=sentence(rule),
        as_of=now,
        people=people,
        sampled=sampled,
        members=_members(segment_id),
        size=size,
        entering=entering,
        leaving=leaving,
        unchanged=unchanged,
        sample=tuple(examples[:_SAMPLE]),
        seconds=time.monotonic() - started,
    )


def _of_everybody(rule: Rule, catalogue: Catalogue) -> str:
    judged = compiled({"draft": rule}, catalogue=catalogue, leaves=False)
    return everybody(reading=judged.reading, expression=judged.expression, zone=str(workspace_zone()))


def _judgement(rule: Rule, catalogue: Catalogue) -> str:
    return compiled({"draft": rule}, catalogue=catalogue, leaves=False).sql


def _draw() -> tuple[int, list[int]]:
    """How many people there are, and a sample of them in the order of their hashes."""
    with connection.cursor() as cursor:
        cursor.execute(_ABOUT)
        ((about,),) = cursor.fetchall()
        # Without statistics yet there are few people, or the autovacuum comes within the minute.
        share = 65_536 if about <= MOST_SAMPLED else ceil(65_536 * MOST_SAMPLED / about)
        cursor.execute(_DRAWN, {"share": share})
        people, drawn = cursor.fetchone()
    return people, drawn


def _judge(statement: str, ids: Sequence[int], *, segment_id: int | None, now: datetime) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"ids": list(ids), "now": now, "segment_id": segment_id})
        found: tuple[Any, ...] = cursor.fetchone()
    return found


def _members(segment_id: int | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS, [segment_id])
        return int(cursor.fetchone()[0])


def _figure(found: int, sampled: int, people: int) -> Figure:
    """Wilson's interval of the share, with the correction for a sample that is a good part of everybody.

    E. B. Wilson (1927): it stays inside [0, 1] and says something where none or all of the sample were found.
    """
    if sampled == people:
        return Figure(found, found, found)
    if not sampled:
        return Figure(0, 0, people)
    share, size = found / sampled, sampled * (people - 1) / (people - sampled)
    middle = (share + _Z**2 / (2 * size)) / (1 + _Z**2 / size)
    half = _Z / (1 + _Z**2 / size) * sqrt(share * (1 - share) / size + _Z**2 / (4 * size**2))
    low, high = max(found, int(people * (middle - half))), min(people, ceil(people * (middle + half)))
    return Figure(min(max(round(people * share), low), high), low, high)


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
        "warnings": warnings_as_json(warnings),
    }


def warnings_as_json(warnings: Iterable[Problem]) -> list[dict[str, str]]:
    return [{"code": warning.code, "path": warning.path, "message": warning.message} for warning in warnings]


def estimate_as_json(estimate: Estimate) -> dict[str, Any]:
    """The estimate as programs read it; people by their public ids."""
    return asdict(estimate) | {
        "as_of": estimate.as_of.isoformat(),
        "is_exact": estimate.is_exact,
        "seconds": round(estimate.seconds, 3),
        "sample": [to_public(profile_id) for profile_id in estimate.sample],
    }
