"""A rule in English: what admins read in lists, diffs and explanations. Every word of it is meant literally."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from profiles.facts.contexts import CONTEXTS
from profiles.facts.measures import Measure
from segments.rules.lifecycles import lifecycle_sentence
from segments.rules.nodes import (
    AllOf,
    AnyOf,
    ConsentLeaf,
    ContextLeaf,
    EventLeaf,
    LifecycleLeaf,
    ListLeaf,
    Literal,
    Nested,
    Node,
    NotOf,
    Period,
    PropertyLeaf,
    RepeatedLeaf,
    SegmentLeaf,
    SequenceLeaf,
    SessionLeaf,
    Test,
    TraitLeaf,
    TrendLeaf,
    Within,
)
from segments.rules.repetitions import repeated_sentence
from segments.rules.sequences import sequence_sentence
from segments.rules.sessions import session_sentence
from segments.rules.thresholds import Taken, Threshold, described, told
from segments.rules.trends import trend_sentence
from segments.rules.vocabulary import Op

_PHRASES: Mapping[Op, str] = MappingProxyType({
    Op.EQ: "is {}",
    Op.NE: "is known and not {}",
    Op.LT: "is less than {}",
    Op.LE: "is at most {}",
    Op.GT: "is more than {}",
    Op.GE: "is at least {}",
    Op.IN: "is {}",
    Op.NOT_IN: "is known and not {}",
    Op.BETWEEN: "is between {} and {}",
    Op.EXISTS: "is known",
    Op.MISSING: "is not known",
    Op.BEFORE: "is before {}",
    Op.AFTER: "is after {}",
    Op.CONTAINS: "contains {}",
    Op.STARTS_WITH: "starts with {}",
    Op.ENDS_WITH: "ends with {}",
    Op.MATCHES: "matches the pattern {}",
})
#: The property's value that a measure picks out or comes to.
_VALUES: Mapping[Measure, str] = MappingProxyType({
    Measure.AVG: "the average",
    Measure.MIN: "the least",
    Measure.MAX: "the greatest",
    Measure.FIRST: "the first",
    Measure.LAST: "the latest",
})
_AMOUNTS: Mapping[Op, str] = MappingProxyType({
    Op.EQ: "exactly {}",
    Op.NE: "any number but {}",
    Op.LT: "less than {}",
    Op.LE: "at most {}",
    Op.GT: "more than {}",
    Op.GE: "at least {}",
    Op.IN: "exactly {}",
    Op.NOT_IN: "any number but {}",
    Op.BETWEEN: "between {} and {}",
})
_NEVER = frozenset({Test(Op.EQ, Decimal(0)), Test(Op.LE, Decimal(0)), Test(Op.LT, Decimal(1))})
_EVER = frozenset({Test(Op.GE, Decimal(1)), Test(Op.GT, Decimal(0)), Test(Op.NE, Decimal(0))})


def sentence(node: Node) -> str:
    """`node` as a clause about a person, without a full stop."""
    match node:
        case AllOf(children):
            return _joined(children, " and ")
        case AnyOf(children):
            return _joined(children, " or ")
        case NotOf(child):
            return f"it is false that {_grouped(child)}"
        case TraitLeaf(trait, test):
            return f"{trait} {_phrase(test, 'up to now')}"
        case ContextLeaf(name, test):
            return f"{CONTEXTS[name].label} {_phrase(test, 'before the event')}"
        case PropertyLeaf(name, test):
            return f"{name} {_phrase(test, 'before the event')}"
        case ConsentLeaf(purpose):
            return f"consent to {purpose} is in force"
        case SegmentLeaf(key) | Nested(key):
            return f"the person is in the segment “{key}”"
        case ListLeaf(key):
            return f"the person is on the list “{key}”"
        case EventLeaf():
            return _event(node)
        case LifecycleLeaf():
            return lifecycle_sentence(node, when=_window(node.window), condition=_grouped)
        case TrendLeaf():
            return trend_sentence(node, amount=_amount, condition=_grouped)
        case SequenceLeaf():
            return sequence_sentence(node, condition=_grouped)
        case SessionLeaf():
            return session_sentence(node, amount=_amount)
        case RepeatedLeaf():
            return repeated_sentence(node, said=sentence, amount=_amount)


def _joined(children: tuple[Node, ...], word: str) -> str:
    return word.join(_grouped(child) if len(children) > 1 else sentence(child) for child in children)


def _grouped(node: Node) -> str:
    many = isinstance(node, AllOf | AnyOf) and len(node.children) > 1
    return f"({sentence(node)})" if many else sentence(node)


def _event(leaf: EventLeaf) -> str:
    what = f"“{leaf.event}”" if leaf.where is None else f"“{leaf.event}” where {_grouped(leaf.where)}"
    when = _window(leaf.window)
    if leaf.measure in _VALUES:
        return f"{_VALUES[leaf.measure]} {leaf.of} of {what}{when} {_phrase(leaf.test, 'up to now')}"
    amount = _amount(leaf.test)
    if leaf.measure in (Measure.SINCE_LAST, Measure.SINCE_FIRST):
        which = "latest" if leaf.measure is Measure.SINCE_LAST else "first"
        return f"the {which} {what} lies {amount} back"
    if leaf.measure is Measure.SUM:
        return f"{leaf.of} of {what} comes to {amount} in total{when}"
    fewer = amount.replace("less than", "fewer than")
    if leaf.measure is Measure.DISTINCT:
        return f"{what} has {fewer} different {_counted('value', amount)} of {leaf.of}{when}"
    if leaf.measure is Measure.DISTINCT_DAYS:
        return f"{what} happened on {fewer} {_counted('day', amount)}{when}"
    if leaf.test in _NEVER:
        return f"{what} did not happen{when}"
    if leaf.test in _EVER:
        return f"{what} happened{when}"
    return f"{what} happened {fewer} {_counted('time', amount)}{when}"


def _counted(noun: str, amount: str) -> str:
    return noun if amount.split()[-1] == "1" else f"{noun}s"


def _amount(test: Test) -> str:
    return _filled(_AMOUNTS[test.op], test)


def _window(window: Within | Period | None) -> str:
    match window:
        case Within():
            return f" in the last {_span(window)}" if window.amount > 1 else f" in the last {window.unit.noun}"
        case Period(str() as start, str() as end):
            return f" from {start} up to, not including, {end}"
        case Period(str() as start, None):
            return f" from {start} on"
        case Period(None, str() as end):
            return f" before {end}"
        case _:
            return ""


def _phrase(test: Test, until: str) -> str:
    if isinstance(test.value, Within):
        return f"lies in the {_span(test.value)} {until}"
    return _filled(_PHRASES[test.op], test)


def _filled(phrase: str, test: Test) -> str:
    if test.op is Op.BETWEEN and isinstance(test.value, tuple):
        return phrase.format(*(_literal(value) for value in test.value))
    if isinstance(test.value, tuple):
        *others, last = (_literal(value) for value in test.value)
        return phrase.format(f"{', '.join(others)} or {last}" if others else last)
    return phrase.format("" if test.value is None else _literal(test.value))


def _literal(value: Literal | Within | Threshold | Taken) -> str:
    if isinstance(value, Within):
        return _span(value)
    if isinstance(value, Taken):
        return told(value)
    if isinstance(value, Threshold):
        return described(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return f"“{value}”"


def _span(within: Within) -> str:
    return f"{within.amount} {within.unit.noun}{'' if within.amount == 1 else 's'}"
