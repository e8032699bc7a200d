"""What the evaluator says of the very moment of a flip, beside what was frozen at it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from segments.models import Membership
from segments.past_reasons import Asked, why_at
from segments.reason_trees import as_json
from segments.rules.explain import Explanation
from tests.profiles.stream import rows

Leaf = tuple[str, Any, Any]


@dataclass(frozen=True, slots=True)
class Flip:
    """Somebody entered or left, and what the leaves had seen."""

    profile_id: int
    key: str
    at: datetime
    evidence: Any


def flips() -> list[Flip]:
    """Every flip that a rule made; where a merge closed a stay, no rule was asked."""
    return list(_flips())


def _flips() -> Iterator[Flip]:
    for stay in Membership.objects.select_related("segment").order_by("pk").iterator():
        yield Flip(stay.profile_id, stay.segment.key, stay.entered_at, stay.evidence)
        if stay.left_at is not None and stay.evidence_left is not None:
            yield Flip(stay.profile_id, stay.segment.key, stay.left_at, stay.evidence_left)


def compare(flip: Flip) -> str:
    """Return what differs; nothing where the evaluator says what was frozen."""
    told = why_at(origin_id=flip.profile_id, key=flip.key, asked=Asked(flip.at))
    seen, frozen = list(leaves(told.seen.explanation)), list(_frozen(flip.evidence))
    if told.profile_id == flip.profile_id and seen == frozen:
        return ""
    return f"{flip.profile_id} in {flip.key} at {flip.at}: {frozen} was frozen, {seen} is told; {_beside(flip)}"


def leaves(node: Explanation) -> Iterator[Leaf]:
    if not node.children:
        yield node.path, node.value, _spelled(node.observed)
    for child in node.children:
        yield from leaves(child)


def _frozen(evidence: Any) -> Iterator[Leaf]:
    for leaf in evidence:
        yield leaf["path"], leaf["holds"], _spelled(leaf["observed"])


def _spelled(observed: Any) -> Any:
    """Moments as JSON spells them; numbers alike whether they were frozen with or without their zeros."""
    told = as_json(observed)
    if isinstance(told, datetime):
        moment, _, offset = told.isoformat().partition("+")
        return f"{moment.rstrip('0') if '.' in moment else moment}+{offset}"  # as the database spells it
    return float(told) if isinstance(told, int | float) and not isinstance(told, bool) else told


def _beside(flip: Flip) -> str:
    near = timedelta(seconds=5)
    found = rows(
        "SELECT applied_at FROM events JOIN origin ON origin.id = origin_id WHERE root_id = %s"
        " AND applied_at BETWEEN %s AND %s",
        flip.profile_id,
        flip.at - near,
        flip.at + near,
    )
    nearest = min((abs((at - flip.at).total_seconds()) for (at,) in found), default=None)
    return "nothing of theirs was recorded near it" if nearest is None else f"an event was recorded {nearest:.3f} s off"
