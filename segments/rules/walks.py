"""When an event leaf over a relative window turns by itself: the walk over its expiring events.

As time passes a window loses its oldest events first, so the measure runs through "the strictly newer part of the
window" of each event in turn. The leaf turns at the oldest event whose strictly newer part has another truth value: at
that event's time plus the window. That holds for refunds (a sum can rise again) as for counts, and events of the very
same moment leave together. Where only the number counts and there is one threshold r, it comes down to the r-th newest;
with r = 1 to the newest, for which no order is needed at all. The latest value stays until the newest event leaves. The
first value gives way to that of the next newer moment, so there it is asked which event each one is hidden by.

A value taken from the population moves, and who lies on the other side of it is looked at then; but nobody is whose
answer stays, though theirs may turn earlier under the new value than under the old. So a leaf that compares with one is
due when its own side next changes at all, at the oldest event, which holds for any value.
"""

import enum
from dataclasses import dataclass, replace
from datetime import UTC
from decimal import Decimal

from profiles.facts.measures import Measure
from profiles.facts.values import ValueType
from segments.rules.nodes import EventLeaf, Test, Within
from segments.rules.reference import compare
from segments.rules.thresholds import Taken, is_open
from segments.rules.vocabulary import Op

#: Measures that count something, and only fall as events leave.
COUNTING = frozenset({Measure.COUNT, Measure.DISTINCT, Measure.DISTINCT_DAYS})
_NO_THRESHOLD = Test(Op.EQ, Decimal(0))


class Follow(enum.Enum):
    """How a leaf is followed as its window moves on."""

    NEWEST = "only the newest event matters"
    NEWER = "the measure of what is strictly newer than each event"
    HIDDEN = "the value of each event once the older ones have left"
    OLDEST = "any event that leaves"


def series_of(leaf: EventLeaf) -> EventLeaf:
    """The leaf without its threshold: leaves that differ in nothing else read the same events, once."""
    return replace(leaf, test=_NO_THRESHOLD)


@dataclass(frozen=True, slots=True)
class Walk:
    """How far to follow a leaf; with `rank`, the only count whose answer differs from that of one less."""

    seconds: int
    follow: Follow
    rank: int | None = None


def walk_of(leaf: EventLeaf) -> Walk | None:
    """How `leaf` turns as events leave its window; None if they never do, or if it cannot matter."""
    if not isinstance(leaf.window, Within):
        return None
    seconds = leaf.window.seconds
    if isinstance(leaf.test.value, Taken):
        return None if is_open(leaf.test.value) else Walk(seconds, Follow.OLDEST)
    if leaf.measure is Measure.LAST:
        return Walk(seconds, Follow.NEWEST)
    if leaf.measure is Measure.FIRST:
        return Walk(seconds, Follow.HIDDEN)
    if leaf.measure not in COUNTING:
        return Walk(seconds, Follow.NEWER)
    if is_open(leaf.test.value):
        return None
    ranks = _ranks(leaf.test)
    if not ranks:
        return None
    if ranks == (1,):
        return Walk(seconds, Follow.NEWEST)
    return Walk(seconds, Follow.NEWER, ranks[0] if len(ranks) == 1 else None)


def _ranks(test: Test) -> tuple[int, ...]:
    """The counts whose answer differs from that of one less."""
    operands = test.operands(ValueType.NUMBER, zone=UTC)
    near = {int(operand) + step for operand in operands if isinstance(operand, Decimal) for step in (0, 1)}

    def holds(count: int) -> bool:
        return compare(test=test, value=Decimal(count), operands=operands)

    return tuple(sorted(count for count in near if count >= 1 and holds(count) != holds(count - 1)))
