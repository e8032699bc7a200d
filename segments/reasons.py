"""Why a person is in a segment, or why not: said by the evaluator itself, about the live rule and now."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from cdp.governance.models import DecisionKind
from profiles import lanes
from profiles.models import Profile
from segments import rulebook
from segments.judging import compiled
from segments.models import Membership, SegmentDecision
from segments.rulebook import LiveRule
from segments.rules.explain import Explanation, Observed, explain

_LOCK_PERSON = """
SELECT p.id, p.merged_into FROM origin o JOIN profile p ON p.id = o.root_id WHERE o.id = %s FOR NO KEY UPDATE OF p
"""


@dataclass(frozen=True, slots=True)
class Approval:
    """Who let the version go live, when, and what they said."""

    by: str
    at: datetime
    comment: str


@dataclass(frozen=True, slots=True)
class Reasons:
    """The whole answer. `changes_at` is when time alone will next change it; `stay` is the open or the latest stay."""

    profile_id: int
    segment: LiveRule
    is_member: bool
    approval: Approval | None
    explanation: Explanation
    changes_at: datetime | None
    stay: Membership | None
    as_of: datetime


@dataclass(frozen=True, slots=True)
class _Seen:
    is_member: bool
    changes_at: datetime | None
    explanation: Explanation


@transaction.atomic
def why(*, profile_id: int, key: str, now: datetime) -> Reasons | None:
    """Explain one live segment for one person; None when no such segment is live, or there is nobody to explain it for.

    Where the stored membership is behind what is true now (an event that waits for its lane, a window that ended this
    second), the person is evaluated first, so that the explanation and the membership never contradict each other. For
    that the person is locked as their lane locks them, and before the rules are held, in the lane's order.
    """
    person = _locked(profile_id)
    if person is None:
        return None
    rulebook.hold()
    live = _live(key)
    if live is None:
        return None
    as_of = _no_earlier_than_judged(now, person)
    seen = _look(live, person, now=as_of)
    if seen.is_member != _is_in(person, live):
        lanes.refresh(person)
        as_of = _no_earlier_than_judged(now, person)
        seen = _look(live, person, now=as_of)
    return Reasons(
        profile_id=person,
        segment=live,
        is_member=seen.is_member,
        approval=_approval(live),
        explanation=seen.explanation,
        changes_at=seen.changes_at,
        stay=_latest_stay(person, live),
        as_of=as_of,
    )


def as_tree(explanation: Explanation, *, blind: Collection[str] = ()) -> Mapping[str, Any]:
    """An explanation as JSON: what each node says, whether it holds (null: unknown), what was observed.

    Leaves at the paths `blind` keep back everything but their place, and so does what they are combined into: with the
    comparison and its answer the value would be told.
    """
    tree: dict[str, Any] = {"path": explanation.path}
    if _is_told(explanation, blind):
        tree |= {"sentence": explanation.sentence, "holds": explanation.value}
        if not explanation.children:
            tree["observed"] = _as_json(explanation.observed)
    if explanation.children:
        tree["children"] = [as_tree(child, blind=blind) for child in explanation.children]
    return tree


def _is_told(explanation: Explanation, blind: Collection[str]) -> bool:
    return explanation.path not in blind and all(_is_told(child, blind) for child in explanation.children)


def _as_json(observed: Observed) -> Any:
    """Numbers as JSON numbers, as the frozen evidence spells them."""
    if isinstance(observed, Decimal):
        return int(observed) if observed == observed.to_integral_value() else float(observed)
    return observed


def _locked(profile_id: int) -> int | None:
    """Lock the person this profile is now part of, and return their id; None where there is none."""
    asked = profile_id
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_LOCK_PERSON, [asked])
            found = cursor.fetchone()
        if found is None:
            return None
        profile_id, winner = found
        if winner is None:
            return int(profile_id)
        asked = winner  # a merge came in between


def _no_earlier_than_judged(now: datetime, profile_id: int) -> datetime:
    """The caller's moment, or the last evaluation's where that was later: its stay is what the answer stands beside."""
    judged = Profile.objects.values_list("evaluated_at", flat=True).get(pk=profile_id)
    return max(now, judged) if judged else now


def _live(key: str) -> LiveRule | None:
    book = rulebook.current()
    return next((live for live in book.rules if live.key == key), None)


def _look(live: LiveRule, profile_id: int, *, now: datetime) -> _Seen:
    statement = compiled({live.key: live.rule}, catalogue=rulebook.current().catalogue, leaves=True)
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, {"ids": [profile_id], "now": now})
        found = cursor.fetchone()
        row = dict(zip((column.name for column in cursor.description), found, strict=True)) if found else {}
    explanation = explain(live.rule, statement.leaf_values(rule=live.key, row=row))
    return _Seen(bool(row[statement.values[live.key]]), row[statement.dues[live.key]], explanation)


def _is_in(profile_id: int, live: LiveRule) -> bool:
    return Membership.objects.current().filter(profile_id=profile_id, segment=live.segment_id).exists()


def _latest_stay(profile_id: int, live: LiveRule) -> Membership | None:
    stays = Membership.objects.filter(profile_id=profile_id, segment=live.segment_id)
    return stays.select_related("version", "standing_version", "left_version").order_by("-entered_at").first()


def _approval(live: LiveRule) -> Approval | None:
    decision = (
        SegmentDecision.objects.filter(version=live.version_id, decision=DecisionKind.APPROVE)
        .select_related("decided_by")
        .first()
    )
    return Approval(decision.decided_by.username, decision.at, decision.comment) if decision else None
