"""Why a person is in a segment, or why not: said by the evaluator itself, about the live rule and now."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from cdp.governance.models import DecisionKind
from profiles import lanes
from segments import rulebook
from segments.judging import compiled
from segments.models import Membership, SegmentDecision
from segments.rulebook import LiveRule
from segments.rules.explain import Explanation, Observed, explain


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


def why(*, profile_id: int, key: str, now: datetime) -> Reasons | None:
    """Explain one live segment for one person; None when no such segment is live.

    Where the stored membership is behind what is true now (an event that waits for its lane, a window that ended this
    second), the person is evaluated first, so that the explanation and the membership never contradict each other.
    """
    live = _live(key)
    if live is None:
        return None
    seen = _look(live, profile_id, now=now)
    if seen.is_member != _is_in(profile_id, live):
        lanes.refresh(profile_id)
        seen = _look(live, profile_id, now=now)
    return Reasons(
        profile_id=profile_id,
        segment=live,
        is_member=seen.is_member,
        approval=_approval(live),
        explanation=seen.explanation,
        changes_at=seen.changes_at,
        stay=_latest_stay(profile_id, live),
        as_of=now,
    )


def as_tree(explanation: Explanation, *, blind: Collection[str] = ()) -> Mapping[str, Any]:
    """An explanation as JSON: what each node says, whether it holds (null: unknown), what was observed.

    Leaves at the paths `blind` keep back what they observed.
    """
    tree: dict[str, Any] = {
        "path": explanation.path,
        "sentence": explanation.sentence,
        "holds": explanation.value,
    }
    if explanation.children:
        tree["children"] = [as_tree(child, blind=blind) for child in explanation.children]
    elif explanation.path not in blind:
        tree["observed"] = _as_json(explanation.observed)
    return tree


def _as_json(observed: Observed) -> Any:
    """Numbers as JSON numbers, as the frozen evidence spells them."""
    if isinstance(observed, Decimal):
        return int(observed) if observed == observed.to_integral_value() else float(observed)
    return observed


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
