"""The leaves that look at events against the catalogue: names, what is measured, and what it is compared with."""

from collections.abc import Iterator
from datetime import tzinfo
from decimal import Decimal

from profiles.facts.contexts import CONTEXTS
from profiles.facts.measures import Measure
from profiles.facts.values import ValueType, instant
from segments.rules.checks import (
    descending,
    hint,
    population,
    property_names,
    typed_test,
    unknown_name,
    values_of,
    wrong_operator,
)
from segments.rules.contexts import context_misfits
from segments.rules.language import MEASURES, NOT_OF_MEASURES, OPERATORS_OF_CONTEXT, OPERATORS_OF_RESULT, Result
from segments.rules.nodes import (
    Condition,
    ContextLeaf,
    EventLeaf,
    LifecycleLeaf,
    Period,
    PropertyLeaf,
    Test,
    TrendLeaf,
    Within,
    leaves_of,
)
from segments.rules.problems import Problem, shown, words
from segments.rules.selecting import Selects
from segments.rules.thresholds import Taken, Threshold, threshold_of
from segments.rules.vocabulary import OPS, PRESENCE, Catalogue, Op

_PLURALS = {
    ValueType.NUMBER: "numbers",
    ValueType.DATETIME: "moments",
    ValueType.TEXT: "texts",
    ValueType.BOOLEAN: "yes or no",
}


def event_problems(leaf: EventLeaf, path: str, catalogue: Catalogue, zone: tzinfo) -> Iterator[Problem]:
    if leaf.event in catalogue.events:
        yield from _measure(leaf, path, catalogue, zone)
        yield from population(leaf.test, path, catalogue)
    yield from selection_problems(leaf, path, catalogue, zone)


def lifecycle_problems(leaf: LifecycleLeaf, path: str, catalogue: Catalogue, zone: tzinfo) -> Iterator[Problem]:
    yield from selection_problems(leaf, path, catalogue, zone)
    since = leaf.not_since
    if since is not None and since.event not in catalogue.events:
        yield unknown_name("event", since.event, f"{path}.not_since", catalogue.events)
    elif since is not None and since.where is not None:
        yield from condition_problems(since.event, since.where, f"{path}.not_since.where", catalogue, zone)


def trend_problems(leaf: TrendLeaf, path: str, catalogue: Catalogue, zone: tzinfo) -> Iterator[Problem]:
    place = f"{path}.trend"
    if leaf.event in catalogue.events and leaf.of is not None:
        yield from measured_type(leaf.event, leaf.of, leaf.measure, place, catalogue)
    yield from selection_problems(leaf, place, catalogue, zone)
    allowed = frozenset(map(Op, OPERATORS_OF_RESULT[Result.NUMBER]))
    if leaf.test.op not in allowed:
        yield wrong_operator("A trend", leaf.test.op, path, allowed)
    elif threshold_of(leaf.test.value) is not None:
        yield Problem(f"{path}.value", "A trend is compared with a number: its own past is what it is measured by.")
    else:
        yield from numeric_problems("trend", leaf.test, path)


def selection_problems(leaf: Selects, path: str, catalogue: Catalogue, zone: tzinfo) -> Iterator[Problem]:
    """The event's name, the stretch of time and the condition."""
    if leaf.event not in catalogue.events:
        yield unknown_name("event", leaf.event, f"{path}.event", catalogue.events)
        return
    if isinstance(leaf.window, Period):
        yield from _period(leaf.window, path, zone)
    if leaf.where is not None:
        yield from condition_problems(leaf.event, leaf.where, f"{path}.where", catalogue, zone)


def condition_problems(
    event: str, condition: Condition, path: str, catalogue: Catalogue, zone: tzinfo
) -> Iterator[Problem]:
    """What a condition says about events of that name."""
    for leaf_path, leaf in leaves_of(condition, path):
        if isinstance(leaf, PropertyLeaf):
            yield from _property(event, leaf, leaf_path, catalogue, zone)
        elif isinstance(leaf, ContextLeaf):
            yield from _context(leaf, leaf_path, zone)


def _property(event: str, leaf: PropertyLeaf, path: str, catalogue: Catalogue, zone: tzinfo) -> Iterator[Problem]:
    value_type = catalogue.properties.get((event, leaf.property))
    if value_type is None:
        known = property_names(event, catalogue)
        yield unknown_name(f'property of "{event}"', leaf.property, f"{path}.property", known)
    elif threshold_of(leaf.test.value) is not None:
        yield Problem(f"{path}.value", "A value from the population is compared with people, not with single events.")
    else:
        yield from typed_test(f'The property "{leaf.property}"', value_type, leaf.test, path, zone)


def _context(leaf: ContextLeaf, path: str, zone: tzinfo) -> Iterator[Problem]:
    name, test = leaf.context, leaf.test
    if name not in CONTEXTS:
        yield unknown_name("circumstance", name, f"{path}.context", CONTEXTS)
    elif test.op not in OPERATORS_OF_CONTEXT[name]:
        allowed = frozenset(map(Op, OPERATORS_OF_CONTEXT[name]))
        yield wrong_operator(f'The circumstance "{name}"', test.op, path, allowed)
    elif threshold_of(test.value) is not None:
        yield Problem(f"{path}.value", "A value from the population is compared with people, not with single events.")
    else:
        yield from typed_test(f'The circumstance "{name}"', CONTEXTS[name].type, test, path, zone)
        if test.op not in PRESENCE:
            yield from (misfit for told in values_of(test, path) for misfit in context_misfits(name, test.op, *told))


def measured_type(event: str, of: str, measure: Measure, path: str, catalogue: Catalogue) -> Iterator[Problem]:
    """Whether a property is there and of a type that the measure takes."""
    value_type, taken = catalogue.properties.get((event, of)), MEASURES[measure].of
    if value_type is None:
        yield unknown_name(f'property of "{event}"', of, f"{path}.of", property_names(event, catalogue))
    elif value_type not in taken:
        what = words([_PLURALS[known] for known in taken])
        yield Problem(f"{path}.of", f'Only {what} have a "{measure}", and "{of}" is of type {value_type}.')


def numeric_problems(measure: str, test: Test, path: str, *, least: int | None = None) -> Iterator[Problem]:
    """A comparison of a number; from `least` up it is a whole one."""
    for value_path, value in values_of(test, path):
        if isinstance(value, Threshold | Taken):
            continue
        if isinstance(value, bool) or not isinstance(value, Decimal):
            yield Problem(value_path, f"A {measure} is compared with a number, not with {shown(value)}.")
        elif least is not None and (value < least or value != value.to_integral_value()):
            wanted = f"a whole number from {least} up"
            yield Problem(value_path, f"A {measure} is compared with {wanted}, not with {value:f}.")
    yield from descending(test, path)


def _measure(leaf: EventLeaf, path: str, catalogue: Catalogue, zone: tzinfo) -> Iterator[Problem]:
    terms = MEASURES[leaf.measure]
    if leaf.of is not None:
        misfits = tuple(measured_type(leaf.event, leaf.of, leaf.measure, path, catalogue))
        if misfits:
            yield from misfits
            return
    elif terms.of:
        return  # the parser has said so
    subject = f"A {leaf.measure}"
    if terms.result is Result.PROPERTY and leaf.of is not None:
        value_type = catalogue.properties[leaf.event, leaf.of]
        allowed = OPS[value_type] - NOT_OF_MEASURES
        subject = f"{subject} of type {value_type}"
    else:
        allowed = frozenset(map(Op, OPERATORS_OF_RESULT[terms.result]))
    if leaf.test.op not in allowed:
        yield wrong_operator(subject, leaf.test.op, path, allowed)
        return
    match terms.result:
        case Result.WHOLE:
            yield from numeric_problems(leaf.measure, leaf.test, path, least=0)
        case Result.NUMBER:
            yield from numeric_problems(leaf.measure, leaf.test, path)
        case Result.DURATION:
            yield from _duration(leaf.test, path)
        case Result.PROPERTY:
            yield from typed_test(f'The measured "{leaf.of}"', value_type, leaf.test, path, zone)


def _duration(test: Test, path: str) -> Iterator[Problem]:
    spans = [value for _, value in values_of(test, path)]
    if not all(isinstance(span, Within) for span in spans):
        yield Problem(f"{path}.value", 'A stretch of time is compared with a duration, such as "30d".')
    elif test.op is Op.BETWEEN and spans[0].seconds > spans[1].seconds:
        yield Problem(f"{path}.value", '"between" takes the lower value first.')


def _period(period: Period, path: str, zone: tzinfo) -> Iterator[Problem]:
    moments = {}
    for side, text in (("from", period.start), ("to", period.end)):
        if text is not None:
            moments[side] = instant(text, zone=zone)
            if moments[side] is None:
                yield Problem(f"{path}.{side}", f"{shown(text)} is not a date or time{hint(ValueType.DATETIME)}.")
    start, end = moments.get("from"), moments.get("to")
    if start is not None and end is not None and start >= end:
        yield Problem(f"{path}.to", "The period ends before it begins.")
