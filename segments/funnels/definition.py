"""What a funnel says: steps, how long they may take, and whether anything may come between. Pure.

{"steps": [{"event": "Product Viewed", "where": {"property": "category", "op": "=", "value": "shoes"}},
           {"event": "Order Completed"}],
 "within": "7d", "order": "any"}
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from typing import Any

from profiles.facts.values import ValueType
from segments.rules.checker import check
from segments.rules.nodes import Condition, EventLeaf, Within
from segments.rules.parser import Problem, read, shown, suggestion
from segments.rules.vocabulary import Catalogue

FEWEST_STEPS, MOST_STEPS = 2, 10
MOST_WITHIN_SECONDS = 366 * 86_400
_FIELDS = ("steps", "within", "order")
_STEP_FIELDS = ("event", "where")
#: Types that people can be split by: what can be written as one word.
SPLITTABLE = (ValueType.TEXT, ValueType.NUMBER, ValueType.BOOLEAN)


class Order(StrEnum):
    """Whether other events of the funnel may come between one step and the next."""

    ANY = "any"
    STRICT = "strict"


class FunnelInvalid(ValueError):
    """The document is not a funnel; each problem says where and why."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Step:
    """An event that counts as this step, or only where a condition on its properties is true."""

    event: str
    where: Condition | None = None

    @property
    def leaf(self) -> EventLeaf:
        """The step as the rule language says it: at least one such event."""
        found = _leaf_of({"event": self.event})
        return EventLeaf(found.event, found.measure, found.test, where=self.where)


@dataclass(frozen=True, slots=True)
class Funnel:
    steps: tuple[Step, ...]
    within: Within
    order: Order = Order.ANY

    @property
    def events(self) -> tuple[str, ...]:
        """The names of the steps' events, each once."""
        return tuple(dict.fromkeys(step.event for step in self.steps))


def parse(document: Any, *, catalogue: Catalogue, zone: tzinfo) -> Funnel:
    """Read a funnel and check its names. Raises FunnelInvalid with every problem."""
    if not isinstance(document, Mapping):
        raise FunnelInvalid([Problem("definition", 'A funnel is an object with "steps" and "within".')])
    problems = list(_unknown(document, _FIELDS, ""))
    order = document.get("order", Order.ANY.value)
    if order not in list(Order):
        problems.append(Problem("order", f'{shown(order)} is no order; write "any" or "strict".'))
    steps = document.get("steps")
    if not isinstance(steps, list) or not FEWEST_STEPS <= len(steps) <= MOST_STEPS:
        problems.append(Problem("steps", f"A funnel has a list of {FEWEST_STEPS} to {MOST_STEPS} steps."))
        raise FunnelInvalid(problems)
    within = _within(document, problems)
    read_steps = [_step(raw, f"steps[{number}]", problems, catalogue, zone) for number, raw in enumerate(steps)]
    if problems or within is None:
        raise FunnelInvalid(problems)
    return Funnel(tuple(step for step in read_steps if step is not None), within, Order(order))


def _within(document: Mapping[str, Any], problems: list[Problem]) -> Within | None:
    if "within" not in document:
        problems.append(Problem("within", 'Say how long it may take from the first step to the last, such as "7d".'))
        return None
    node, found = read(_document({"event": "x", "within": document["within"]}))
    problems += [Problem("within", problem.message) for problem in found]
    window = node.window if isinstance(node, EventLeaf) else None
    if isinstance(window, Within) and window.seconds > MOST_WITHIN_SECONDS:
        problems.append(Problem("within", f"A funnel may take {MOST_WITHIN_SECONDS // 86_400} days, not longer."))
    return window if isinstance(window, Within) else None


def _step(raw: Any, path: str, problems: list[Problem], catalogue: Catalogue, zone: tzinfo) -> Step | None:
    if not isinstance(raw, Mapping) or "event" not in raw:
        problems.append(Problem(path, 'A step is an object with an "event" and, if need be, a "where".'))
        return None
    unknown = list(_unknown(raw, _STEP_FIELDS, path))
    if unknown:
        problems += unknown
        return None
    node, found = read(_document(raw))
    if not found and isinstance(node, EventLeaf):
        found = check(node, catalogue=catalogue, workspace_tz=zone).problems
    problems += [Problem(path + problem.path.removeprefix("$"), problem.message, problem.code) for problem in found]
    return Step(node.event, node.where) if isinstance(node, EventLeaf) else None


def _document(step: Mapping[str, Any]) -> dict[str, Any]:
    return {**step, "measure": "count", "op": ">=", "value": 1}


def _leaf_of(step: Mapping[str, Any]) -> EventLeaf:
    node, _ = read(_document(step))
    assert isinstance(node, EventLeaf)
    return node


def _unknown(document: Mapping[str, Any], known: tuple[str, ...], path: str) -> Iterator[Problem]:
    for key in document:
        if key not in known:
            place = f"{path}.{str(key)[:60]}".lstrip(".")
            yield Problem(place, f"There is no field {shown(str(key))} here{suggestion(str(key), known)}")
