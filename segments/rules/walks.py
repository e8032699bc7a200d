"""When an event leaf over a relative window turns by itself: the walk over its expiring events.

As time passes a window loses its oldest events first, so the measure runs through "the strictly newer part of the
window" of each event in turn. The leaf turns at the oldest event whose strictly newer part has another truth value: at
that event's time plus the window. That holds for refunds (a sum can rise again) as for counts, and events of the very
same moment leave together. For a count with one threshold r it comes down to the r-th newest event; with r = 1 to the
newest, for which no order is needed at all.
"""

from dataclasses import dataclass, replace
from datetime import UTC
from decimal import Decimal

from profiles.facts.measures import Measure
from profiles.facts.values import ValueType
from segments.rules.nodes import EventLeaf, Test, Within
from segments.rules.reference import compare
from segments.rules.vocabulary import Op

_NO_THRESHOLD = Test(Op.EQ, Decimal(0))


def series_of(leaf: EventLeaf) -> EventLeaf:
    """The leaf without its threshold: leaves that differ in nothing else read the same events, once."""
    return replace(leaf, test=_NO_THRESHOLD)


@dataclass(frozen=True, slots=True)
class Walk:
    """How far to follow a leaf. `ranks`: the counts whose answer differs from that of one less; None for a sum."""

    seconds: int
    ranks: tuple[int, ...] | None

    @property
    def to_newest(self) -> bool:
        return self.ranks == (1,)

    @property
    def needs_order(self) -> bool:
        return not self.to_newest

    @property
    def rank(self) -> int | None:
        """The only rank at which the leaf turns, if there is one."""
        return self.ranks[0] if self.ranks is not None and len(self.ranks) == 1 else None


def walk_of(leaf: EventLeaf) -> Walk | None:
    """How `leaf` turns as events leave its window; None if they never do, or if it cannot matter."""
    if not isinstance(leaf.window, Within):
        return None
    ranks = _ranks(leaf.test) if leaf.measure is Measure.COUNT else None
    return None if ranks == () else Walk(leaf.window.seconds, ranks)


def _ranks(test: Test) -> tuple[int, ...]:
    operands = test.operands(ValueType.NUMBER, zone=UTC)
    near = {int(operand) + step for operand in operands if isinstance(operand, Decimal) for step in (0, 1)}

    def holds(count: int) -> bool:
        return compare(test=test, value=Decimal(count), operands=operands)

    return tuple(sorted(count for count in near if count >= 1 and holds(count) != holds(count - 1)))
