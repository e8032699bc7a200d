"""Who is in which segment: the lane's step, the merge's step, and the check that both told the truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.db import connection, transaction

from cdp.copying import array
from profiles import card
from profiles.identity.regrouping import Merge, MergeKind
from profiles.lanes import LaneBatch, Touch
from profiles.models import Cause
from segments import judging, lane_statement, rulebook, tags
from segments.models import Segment
from segments.rulebook import EVERYTHING, Rulebook

#: Which cause a membership names when several brought the person here: the strongest explanation first.
_PRECEDENCE = (
    Cause.MERGE,
    Cause.UNMERGE,
    Cause.CONSENT,
    Cause.EVENT,
    Cause.SWEEP,
    Cause.THRESHOLD,
    Cause.LIST,
    Cause.VERSION,
    Cause.BACKFILL,
)


def evaluate(batch: LaneBatch) -> Mapping[int, datetime]:
    """Judge the batch's people by every live rule that what changed can touch; return when time alone may change it.

    Runs in the transaction that holds these people's locks, which makes it the only writer of their memberships.
    """
    rulebook.hold()
    book = rulebook.current()
    if not book.epoch:
        return {}
    due: dict[int, datetime] = {}
    for segment_ids, people in _groups(book, batch).items():
        renews = segment_ids == book.everything
        for fitting in book.sets(segment_ids):
            for profile_id, at in _judge(book, fitting, people, now=batch.now, renews=renews).items():
                due[profile_id] = min(at, due.get(profile_id, at))
            renews = False
    return due


def merge_step(merge: Merge) -> None:
    """Close the loser's memberships; the merge holds both people's locks and has the winner looked at again.

    The winner is judged on the joined history and opens stays of their own: `entered_at` says since when the *joined*
    person is in, and claims no past that was not theirs at the time. An undone merge closes nothing here: both people
    are looked at again, each on their own history. Stays that no longer hold end then, and those of the one who is back
    begin then: the rows before the merge and during it stay what they said.
    """
    if merge.kind is MergeKind.UNMERGE:
        return
    lane_statement.close_for_merge(profile_id=merge.loser_id, now=merge.now)
    card.write_section("segments", [(merge.loser_id, [], None)])
    tags.close_for_merge(profile_id=merge.loser_id, now=merge.now)


def _groups(book: Rulebook, batch: LaneBatch) -> dict[frozenset[int], dict[int, str]]:
    """The people by the rules to judge: everything for some, for all others together the union of what theirs touch.

    Two statements at most: a rule too many costs less than a statement too many.
    """
    whole: dict[int, str] = {}
    partly: dict[int, str] = {}
    affected: frozenset[int] = frozenset()
    for profile_id, touch in batch.people.items():
        if _needs_everything(book, touch):
            whole[profile_id] = _cause(touch)
        elif touched := book.affected(touch.keys):
            affected |= touched
            partly[profile_id] = _cause(touch)
    if affected == book.everything:
        return {affected: partly | whole} if partly or whole else {}
    return {ids: people for ids, people in ((book.everything, whole), (affected, partly)) if people}


def _needs_everything(book: Rulebook, touch: Touch) -> bool:
    """`*` asks for it; so does the key of a segment that is not live any more, whose stays are to be closed."""
    return EVERYTHING in touch.keys or any(book.is_gone(key) for key in touch.keys)


def _cause(touch: Touch) -> str:
    return min(touch.causes, key=_PRECEDENCE.index)


def _judge(
    book: Rulebook, segment_ids: frozenset[int], people: Mapping[int, str], *, now: datetime, renews: bool
) -> dict[int, datetime]:
    statement = book.statement(segment_ids, build=lane_statement.build)
    with connection.cursor() as cursor:
        cursor.execute(
            statement, {"ids": array(people), "causes": array(people.values()), "now": now, "renews": renews}
        )
        rows = cursor.fetchall()
    sections = [(profile_id, msgspec.Raw(body.encode()), until) for profile_id, _, new, body, until in rows if new]
    card.write_section("segments", sections)
    tags.settle(profile_ids=[profile_id for profile_id, *_ in sections], now=now)
    return {profile_id: due for profile_id, due, *_ in rows if due is not None}


@dataclass(frozen=True, slots=True)
class Difference:
    """A person whose stored membership is not what the live rule says about them."""

    profile_id: int
    segment: str
    stored: bool
    computed: bool


_STORED = "SELECT profile_id, segment_id FROM membership WHERE left_at IS NULL"
_HOLDS = "SELECT profile_id, {segment_id}::bigint AS segment_id FROM {decided} WHERE {value}"
_DIFFER = """
WITH {decided}, computed AS ({holds}), stored AS ({stored})
SELECT profile_id, segment_id, s.is_in IS NOT NULL, c.is_in IS NOT NULL
FROM (SELECT *, true AS is_in FROM stored) s FULL JOIN (SELECT *, true AS is_in FROM computed) c
    USING (profile_id, segment_id)
WHERE (s.is_in IS NULL) <> (c.is_in IS NULL)
ORDER BY 1, 2
"""


@transaction.atomic
def recompute_differences(*, now: datetime) -> tuple[Difference, ...]:
    """Compare every current membership with a from-scratch evaluation of everybody; empty when the engine is right.

    Ask when the lanes are idle and no due time has passed: what still waits in `touched` or `due` is not yet wrong.
    A rule that no longer fits the catalogue is left out, as the lanes leave it out.
    """
    rulebook.hold()
    book = rulebook.current()
    keys = dict(Segment.objects.values_list("pk", "key"))
    left_out = {live.segment_id for live in book.broken}
    with connection.cursor() as cursor:
        cursor.execute(_differ(book), {"ids": None, "now": now})
        rows = [row for row in cursor.fetchall() if row[1] not in left_out]
    return tuple(Difference(profile_id, keys[segment_id], *found) for profile_id, segment_id, *found in rows)


def _differ(book: Rulebook) -> str:
    if not book.rules:
        nobody = f"{_STORED} AND false"
        return _DIFFER.format(decided="decided AS (SELECT 1)", holds=nobody, stored=_STORED)
    decided, holds = [], []
    for number, fitting in enumerate(book.sets(book.everything)):
        rules = [live for live in book.rules if live.segment_id in fitting]
        compiled = judging.compiled({live.key: live.rule for live in rules}, catalogue=book.catalogue, leaves=False)
        name = f"decided_{number}"
        decided.append(f"{name} AS MATERIALIZED ({compiled.sql})")
        holds += [
            _HOLDS.format(segment_id=live.segment_id, decided=name, value=compiled.values[live.key]) for live in rules
        ]
    return _DIFFER.format(decided=", ".join(decided), holds=" UNION ALL ".join(holds), stored=_STORED)
