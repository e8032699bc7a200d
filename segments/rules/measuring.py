"""What events come to, in plain Python: the meaning of the measures, for the reference.

An event without a value of the property's type is not looked at, whatever the measure. Of several first or latest
values at the very same moment the least counts as first and the greatest as latest, so that no arrival order shows.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import Context, Decimal
from functools import reduce

from profiles.facts.measures import Measure
from profiles.facts.people import Event
from profiles.facts.values import Scalar, ValueType, ratio, typed
from segments.rules.nodes import EventLeaf, Test, Within
from segments.rules.vocabulary import Op

# Decimal's own context rounds to 28 digits, and sums have up to 38.
_EXACT = Context(prec=80)


def measured_value(leaf: EventLeaf, events: Sequence[Event], *, value_type: ValueType, zone: tzinfo) -> Scalar | None:
    """What `events`, those that count for the leaf, come to; None for unknown."""
    known = [
        (event.ts, value)
        for event in events
        if (value := typed(event.properties.get(leaf.of or ""), value_type, zone=zone)) is not None
    ]
    values = [value for _, value in known]
    match leaf.measure:
        case Measure.COUNT:
            return Decimal(len(events))
        case Measure.DISTINCT_DAYS:
            return Decimal(len({event.ts.astimezone(zone).date() for event in events}))
        case Measure.DISTINCT:
            return Decimal(len(set(values)))
        case Measure.SUM:
            return _total(values)
        case Measure.AVG:
            return ratio(_total(values), Decimal(len(values)))
        case Measure.MIN:
            return min(values, default=None)  # type: ignore[type-var]
        case Measure.MAX:
            return max(values, default=None)  # type: ignore[type-var]
        case Measure.FIRST:
            return min(known)[1] if known else None
        case Measure.LAST:
            return max(known)[1] if known else None
        case _:
            raise TypeError(f"not measured over events: {leaf.measure}")


def since_moment(leaf: EventLeaf, events: Sequence[Event]) -> datetime | None:
    """The moment that a recency counts from."""
    moments = [event.ts for event in events]
    return (max if leaf.measure is Measure.SINCE_LAST else min)(moments, default=None)


def elapsed(test: Test, since: datetime, now: datetime) -> bool:
    """Whether the time from `since` to `now` is as the test wants it."""
    passed, spans = now - since, [timedelta(seconds=within.seconds) for within in spans_of(test)]
    match test.op:
        case Op.LT:
            return passed < spans[0]
        case Op.LE:
            return passed <= spans[0]
        case Op.GT:
            return passed > spans[0]
        case Op.GE:
            return passed >= spans[0]
        case _:
            return spans[0] <= passed <= spans[1]


def spans_of(test: Test) -> tuple[Within, ...]:
    """The stretches of time that a test compares with."""
    written = test.value if isinstance(test.value, tuple) else (test.value,)
    return tuple(value for value in written if isinstance(value, Within))


def _total(values: Sequence[Scalar]) -> Decimal:
    return reduce(_EXACT.add, (value for value in values if isinstance(value, Decimal)), Decimal(0))
