"""What is asked of every test: does the operator fit the type, do the values fit the operator, are the names known?"""

from collections.abc import Iterator
from datetime import tzinfo
from decimal import Decimal
from typing import Any

from profiles.facts.values import ValueType, instant
from segments.rules.nodes import Literal, Test
from segments.rules.problems import Problem, shown, suggestion
from segments.rules.thresholds import Taken, Threshold
from segments.rules.vocabulary import OPS, PRESENCE, Catalogue, Op


def typed_test(subject: str, value_type: ValueType, test: Test, path: str, zone: tzinfo) -> Iterator[Problem]:
    if test.op not in OPS[value_type]:
        yield wrong_operator(f"{subject} of type {value_type}", test.op, path, OPS[value_type])
        return
    if test.op in PRESENCE or test.op is Op.WITHIN_LAST:
        return
    misfits = False
    for value_path, value in values_of(test, path):
        if not _fits(value, value_type, zone):
            misfits = True
            wanted = f"{subject} is of type {value_type}"
            yield Problem(value_path, f"{wanted}, and {shown(value)} is not{hint(value_type)}.")
    if not misfits:
        yield from descending(test, path, zone if value_type is ValueType.DATETIME else None)


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


def hint(value_type: ValueType) -> str:
    return " (write 2026-01-31 or 2026-01-31T12:00:00Z)" if value_type is ValueType.DATETIME else ""


def descending(test: Test, path: str, zone: tzinfo | None = None) -> Iterator[Problem]:
    if test.op is not Op.BETWEEN or not isinstance(test.value, tuple):
        return
    low, high = test.value
    if zone is not None and isinstance(low, str) and isinstance(high, str):
        low, high = instant(low, zone=zone), instant(high, zone=zone)  # type: ignore[assignment]
    if type(low) is type(high) and low > high:  # type: ignore[operator]
        yield Problem(f"{path}.value", '"between" takes the lower value first.')


def population(test: Test, path: str, catalogue: Catalogue) -> Iterator[Problem]:
    over = test.value.over if isinstance(test.value, Threshold) else None  # one that was taken is as good as a literal
    if over is not None and over not in catalogue.segments:
        yield unknown_name("live segment", over, f"{path}.value.over", catalogue.segments)


def values_of(test: Test, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(test.value, tuple):
        yield from ((f"{path}.value[{index}]", value) for index, value in enumerate(test.value))
    else:
        yield f"{path}.value", test.value


def property_names(event: str, catalogue: Catalogue) -> list[str]:
    return [name for owner, name in catalogue.properties if owner == event]


def unknown_name(kind: str, name: str, path: str, known: Any) -> Problem:
    return Problem(path, f"There is no {kind} called {shown(name)}{suggestion(name, known)}", "unknown_name")


def wrong_operator(subject: str, op: Op, path: str, allowed: frozenset[Op]) -> Problem:
    listed = ", ".join(str(known) for known in Op if known in allowed)
    return Problem(f"{path}.op", f'{subject} cannot be asked "{op}"; it can be asked {listed}.', "wrong_operator")
