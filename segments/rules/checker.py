"""Nodes against the catalogue: do the names exist, does the operator fit the type, does the value fit the operator?

A rule that is true for a person with no data at all is allowed, but its author is told: such a segment silently takes
in every person ever created, and grows with every anonymous visitor.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

from profiles.facts.contexts import CONTEXTS
from profiles.facts.measures import Measure
from profiles.facts.people import NOBODY
from profiles.facts.values import ValueType, instant
from segments.rules.contexts import context_misfits
from segments.rules.language import OPERATORS_OF_CONTEXT
from segments.rules.nodes import (
    ROOT,
    ConsentLeaf,
    ContextLeaf,
    EventLeaf,
    ListLeaf,
    Literal,
    Node,
    Period,
    PropertyLeaf,
    Rule,
    SegmentLeaf,
    Test,
    TraitLeaf,
    leaves_of,
)
from segments.rules.parser import Broken, Problem, read, shown, suggestion
from segments.rules.reference import value_at
from segments.rules.resolving import MAX_RESOLVED_NODES, resolve, resolved_size
from segments.rules.thresholds import Taken, Threshold, threshold_of
from segments.rules.vocabulary import MEASURE_OPS, OPS, PRESENCE, Catalogue, Op

TRUE_WITHOUT_DATA = Problem(
    ROOT,
    "This rule is true for a person about whom nothing is known, so everybody new belongs to the segment at once.",
    "true_without_data",
)


@dataclass(frozen=True, slots=True)
class Findings:
    """What stands in the way of a rule (problems), and what its author must acknowledge (warnings)."""

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


def check(rule: Rule, *, catalogue: Catalogue, workspace_tz: tzinfo = UTC) -> Findings:
    """Every problem of `rule` against the catalogue; warnings when there is none."""
    problems = tuple(_problems(rule, catalogue, workspace_tz))
    if problems:
        return Findings(problems)
    return Findings(warnings=tuple(_warnings(rule, catalogue, workspace_tz)))


def review(document: Any, *, catalogue: Catalogue, workspace_tz: tzinfo = UTC) -> Findings:
    """Parse and check in one: the problems of shape and of meaning together."""
    node, misshapen = read(document)
    if not misshapen:
        return check(node, catalogue=catalogue, workspace_tz=workspace_tz)  # type: ignore[arg-type]
    return Findings((*misshapen, *_problems(node, catalogue, workspace_tz)))


def _warnings(rule: Rule, catalogue: Catalogue, zone: tzinfo) -> Iterator[Problem]:
    # Nobody's answer does not depend on the moment: without data there is nothing that could age.
    if value_at(rule, NOBODY, now=datetime(2000, 1, 1, tzinfo=UTC), catalogue=catalogue, workspace_tz=zone):
        yield TRUE_WITHOUT_DATA


def _problems(node: Node | Broken, catalogue: Catalogue, zone: tzinfo) -> Iterator[Problem]:
    if resolved_size(node, segments=catalogue.segments) > MAX_RESOLVED_NODES:  # type: ignore[arg-type]
        told = f"With the segments it leans on, a rule may have {MAX_RESOLVED_NODES:,} parts, not more."
        yield Problem(ROOT, told)
        return
    for path, leaf in leaves_of(resolve(node, catalogue=catalogue)):  # type: ignore[arg-type]
        match leaf:
            case SegmentLeaf(key):
                yield _unknown("live segment", key, f"{path}.segment", catalogue.segments)
            case ListLeaf(key):
                if key not in catalogue.lists:
                    yield _unknown("list", key, f"{path}.list", catalogue.lists)
            case TraitLeaf(trait, test):
                yield from _trait(trait, test, path, catalogue, zone)
            case ConsentLeaf(purpose):
                if purpose not in catalogue.purposes:
                    yield _unknown("purpose", purpose, f"{path}.consent", catalogue.purposes)
            case EventLeaf():
                yield from _event(leaf, path, catalogue, zone)


def _trait(trait: str, test: Test, path: str, catalogue: Catalogue, zone: tzinfo) -> Iterator[Problem]:
    value_type = catalogue.traits.get(trait)
    if value_type is None:
        yield _unknown("trait", trait, f"{path}.trait", catalogue.traits)
    else:
        yield from _typed_test(f'The trait "{trait}"', value_type, test, path, zone)
        yield from _population(test, path, catalogue)


def _event(leaf: EventLeaf, path: str, catalogue: Catalogue, zone: tzinfo) -> Iterator[Problem]:
    if leaf.event not in catalogue.events:
        yield _unknown("event", leaf.event, f"{path}.event", catalogue.events)
        return
    yield from _measure(leaf, path, catalogue)
    yield from _population(leaf.test, path, catalogue)
    if isinstance(leaf.window, Period):
        yield from _period(leaf.window, path, zone)
    if leaf.where is not None:
        for where_path, condition in leaves_of(leaf.where, f"{path}.where"):
            if isinstance(condition, PropertyLeaf):
                yield from _property(leaf.event, condition, where_path, catalogue, zone)
            elif isinstance(condition, ContextLeaf):
                yield from _context(condition, where_path, zone)


def _property(event: str, leaf: PropertyLeaf, path: str, catalogue: Catalogue, zone: tzinfo) -> Iterator[Problem]:
    value_type = catalogue.properties.get((event, leaf.property))
    if value_type is None:
        yield _unknown(f'property of "{event}"', leaf.property, f"{path}.property", _property_names(event, catalogue))
    elif threshold_of(leaf.test.value) is not None:
        yield Problem(f"{path}.value", "A value from the population is compared with people, not with single events.")
    else:
        yield from _typed_test(f'The property "{leaf.property}"', value_type, leaf.test, path, zone)


def _context(leaf: ContextLeaf, path: str, zone: tzinfo) -> Iterator[Problem]:
    name, test = leaf.context, leaf.test
    if name not in CONTEXTS:
        yield _unknown("circumstance", name, f"{path}.context", CONTEXTS)
    elif test.op not in OPERATORS_OF_CONTEXT[name]:
        yield _wrong_op(f'The circumstance "{name}"', test.op, path, frozenset(map(Op, OPERATORS_OF_CONTEXT[name])))
    elif threshold_of(test.value) is not None:
        yield Problem(f"{path}.value", "A value from the population is compared with people, not with single events.")
    else:
        yield from _typed_test(f'The circumstance "{name}"', CONTEXTS[name].type, test, path, zone)
        if test.op not in PRESENCE:
            yield from (misfit for told in _values(test, path) for misfit in context_misfits(name, test.op, *told))


def _measure(leaf: EventLeaf, path: str, catalogue: Catalogue) -> Iterator[Problem]:
    if leaf.test.op not in MEASURE_OPS:
        yield _wrong_op(f"A {leaf.measure}", leaf.test.op, path, MEASURE_OPS)
        return
    for value_path, value in _values(leaf.test, path):
        if isinstance(value, Threshold | Taken):
            continue
        if isinstance(value, bool) or not isinstance(value, Decimal):
            yield Problem(value_path, f"A {leaf.measure} is compared with a number, not with {shown(value)}.")
        elif leaf.measure is Measure.COUNT and (value < 0 or value != value.to_integral_value()):
            yield Problem(value_path, f"A count is compared with a whole number from 0 up, not with {value:f}.")
    yield from _descending(leaf.test, path)
    if leaf.of is None:
        return
    value_type = catalogue.properties.get((leaf.event, leaf.of))
    if value_type is None:
        known = _property_names(leaf.event, catalogue)
        yield _unknown(f'property of "{leaf.event}"', leaf.of, f"{path}.of", known)
    elif value_type is not ValueType.NUMBER:
        yield Problem(f"{path}.of", f'Only numbers can be added up, and "{leaf.of}" is of type {value_type}.')


def _period(period: Period, path: str, zone: tzinfo) -> Iterator[Problem]:
    moments = {}
    for side, text in (("from", period.start), ("to", period.end)):
        if text is not None:
            moments[side] = instant(text, zone=zone)
            if moments[side] is None:
                yield Problem(f"{path}.{side}", f"{shown(text)} is not a date or time{_hint(ValueType.DATETIME)}.")
    start, end = moments.get("from"), moments.get("to")
    if start is not None and end is not None and start >= end:
        yield Problem(f"{path}.to", "The period ends before it begins.")


def _typed_test(subject: str, value_type: ValueType, test: Test, path: str, zone: tzinfo) -> Iterator[Problem]:
    if test.op not in OPS[value_type]:
        yield _wrong_op(f"{subject} of type {value_type}", test.op, path, OPS[value_type])
        return
    if test.op in PRESENCE or test.op is Op.WITHIN_LAST:
        return
    misfits = False
    for value_path, value in _values(test, path):
        if not _fits(value, value_type, zone):
            misfits = True
            wanted = f"{subject} is of type {value_type}"
            yield Problem(value_path, f"{wanted}, and {shown(value)} is not{_hint(value_type)}.")
    if not misfits:
        yield from _descending(test, path, zone if value_type is ValueType.DATETIME else None)


def _fits(value: Literal, value_type: ValueType, zone: tzinfo) -> bool:
    match value_type:
        case ValueType.TEXT:
            return isinstance(value, str)
        case ValueType.BOOLEAN:
            return isinstance(value, bool)
        case ValueType.NUMBER:
            return isinstance(value, Decimal | Threshold | Taken)
        case _:
            return isinstance(value, str) and instant(value, zone=zone) is not None


def _hint(value_type: ValueType) -> str:
    return " (write 2026-01-31 or 2026-01-31T12:00:00Z)" if value_type is ValueType.DATETIME else ""


def _descending(test: Test, path: str, zone: tzinfo | None = None) -> Iterator[Problem]:
    if test.op is not Op.BETWEEN or not isinstance(test.value, tuple):
        return
    low, high = test.value
    if zone is not None and isinstance(low, str) and isinstance(high, str):
        low, high = instant(low, zone=zone), instant(high, zone=zone)  # type: ignore[assignment]
    if type(low) is type(high) and low > high:  # type: ignore[operator]
        yield Problem(f"{path}.value", '"between" takes the lower value first.')


def _population(test: Test, path: str, catalogue: Catalogue) -> Iterator[Problem]:
    over = test.value.over if isinstance(test.value, Threshold) else None  # one that was taken is as good as a literal
    if over is not None and over not in catalogue.segments:
        yield _unknown("live segment", over, f"{path}.value.over", catalogue.segments)


def _values(test: Test, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(test.value, tuple):
        yield from ((f"{path}.value[{index}]", value) for index, value in enumerate(test.value))
    else:
        yield f"{path}.value", test.value


def _property_names(event: str, catalogue: Catalogue) -> list[str]:
    return [name for owner, name in catalogue.properties if owner == event]


def _unknown(kind: str, name: str, path: str, known: Any) -> Problem:
    return Problem(path, f"There is no {kind} called {shown(name)}{suggestion(name, known)}", "unknown_name")


def _wrong_op(subject: str, op: Op, path: str, allowed: frozenset[Op]) -> Problem:
    listed = ", ".join(str(known) for known in Op if known in allowed)
    return Problem(f"{path}.op", f'{subject} cannot be asked "{op}"; it can be asked {listed}.', "wrong_operator")
