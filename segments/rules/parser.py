"""JSON to nodes: the shape of a rule, without any catalogue. Every problem is found, not only the first.

A part that cannot be read becomes a `Broken` node, so that its neighbours are still looked at; `parse` never returns
one.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from profiles.facts.measures import Measure
from profiles.facts.values import number
from segments.rules.nodes import (
    ROOT,
    AllOf,
    AnyOf,
    ConsentLeaf,
    EventLeaf,
    Literal,
    Node,
    NotOf,
    Period,
    PropertyLeaf,
    Rule,
    Test,
    TraitLeaf,
    Within,
)
from segments.rules.problems import Problem, Refused, noun, shown, suggestion, words
from segments.rules.vocabulary import (
    MAX_CHOICES,
    MAX_DEPTH,
    MAX_NODES,
    MAX_TEXT,
    MAX_WINDOW_SECONDS,
    MEMBERSHIP,
    PRESENCE,
    Op,
    Unit,
)

__all__ = ["Broken", "Problem", "Refused", "parse", "read", "shown", "suggestion"]

_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhd])")
_COMBINATIONS = ("all", "any", "not")
_SHAPES: Mapping[str, frozenset[str]] = {
    "all": frozenset({"all"}),
    "any": frozenset({"any"}),
    "not": frozenset({"not"}),
    "trait": frozenset({"trait", "op", "value"}),
    "property": frozenset({"property", "op", "value"}),
    "event": frozenset({"event", "measure", "of", "op", "value", "within", "from", "to", "where"}),
    "consent": frozenset({"consent"}),
}
_RULE_KINDS = ("all", "any", "not", "trait", "event", "consent")
_CONDITION_KINDS = ("all", "any", "not", "property")


@dataclass(frozen=True, slots=True)
class Broken:
    """Stands where something unreadable was."""


def parse(document: Any) -> Rule:
    """Read a decoded JSON document as a rule. Raises Refused with every problem of its shape."""
    node, problems = read(document)
    if problems:
        raise Refused(problems)
    return node  # type: ignore[return-value]


def read(document: Any) -> tuple[Node | Broken, tuple[Problem, ...]]:
    """The tree as far as it can be read, and what could not be."""
    reader = _Reader()
    node = reader.node(document, ROOT, _RULE_KINDS, depth=1, above=())
    return node, tuple(reader.problems)


class _Reader:
    """One reading of one document: the problems found and the nodes counted so far."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._nodes = 0

    def node(
        self, raw: Any, path: str, kinds: tuple[str, ...], *, depth: int, above: tuple[int, ...]
    ) -> Node | Broken:
        if id(raw) in above:
            return self._refuse(path, "This part of the rule contains itself.")
        if depth > MAX_DEPTH:
            return self._refuse(path, f"A rule may be nested {MAX_DEPTH} levels deep, not deeper.")
        self._nodes += 1
        if self._nodes > MAX_NODES:
            too_large = f"A rule may have {MAX_NODES} parts, not more."
            return Broken() if any(p.message == too_large for p in self.problems) else self._refuse(ROOT, too_large)
        if not isinstance(raw, Mapping):
            return self._refuse(path, f"A rule is an object with one of {words(kinds)}, not {noun(raw)}.")
        kind = self._kind(raw, path, kinds)
        if kind is None:
            return Broken()
        for key in raw:
            if key not in _SHAPES[kind]:
                hint = suggestion(str(key), _SHAPES[kind])
                self._refuse(_join(path, str(key)), f'"{kind}" does not take the field {shown(key)}{hint}')
        return self._read_kind(kind, raw, path, kinds, depth, (*above, id(raw)))

    def _read_kind(
        self, kind: str, raw: Mapping[str, Any], path: str, kinds: tuple[str, ...], depth: int, above: tuple[int, ...]
    ) -> Node | Broken:
        def child(part: Any, part_path: str) -> Any:
            return self.node(part, part_path, kinds, depth=depth + 1, above=above)

        match kind:
            case "all" | "any":
                return self._combination(kind, raw[kind], f"{path}.{kind}", child, above)
            case "not":
                return NotOf(child(raw["not"], f"{path}.not"))
            case "trait":
                return self._named_test(TraitLeaf, "trait", raw, path)
            case "property":
                return self._named_test(PropertyLeaf, "property", raw, path)
            case "consent":
                purpose = self._name(raw, "consent", path)
                return ConsentLeaf(purpose) if purpose is not None else Broken()
            case _:
                return self._event(raw, path, depth, above)

    def _kind(self, raw: Mapping[str, Any], path: str, kinds: tuple[str, ...]) -> str | None:
        present = [kind for kind in kinds if kind in raw]
        if len(present) == 1:
            return present[0]
        if present:
            self._refuse(path, f"One object says one thing: {words(present)} cannot stand together; use all or any.")
            return None
        misplaced = [kind for kind in _SHAPES if kind in raw]
        if misplaced:
            place = "inside where" if misplaced[0] == "property" else "outside where"
            self._refuse(path, f'"{misplaced[0]}" can only stand {place}.')
        else:
            first = next((str(key) for key in raw), "")
            hint = suggestion(first, kinds) if first else "."
            self._refuse(path, f"Expected one of {words(kinds)}{hint}")
        return None

    def _combination(
        self, kind: str, parts: Any, path: str, child: Callable[[Any, str], Any], above: tuple[int, ...]
    ) -> Node | Broken:
        if id(parts) in above:
            return self._refuse(path, "This part of the rule contains itself.")
        if not isinstance(parts, list | tuple):
            return self._refuse(path, f'"{kind}" takes a list of rules, not {noun(parts)}.')
        if not parts:
            return self._refuse(path, f'"{kind}" needs at least one rule.')
        if len(parts) > MAX_NODES:
            return self._refuse(ROOT, f"A rule may have {MAX_NODES} parts, not more.")
        children = tuple(child(part, f"{path}[{index}]") for index, part in enumerate(parts))
        return AllOf(children) if kind == "all" else AnyOf(children)

    def _named_test(
        self, leaf: type[TraitLeaf] | type[PropertyLeaf], kind: str, raw: Mapping[str, Any], path: str
    ) -> Node | Broken:
        name = self._name(raw, kind, path)
        test = self._test(raw, path)
        return leaf(name, test) if name is not None and test is not None else Broken()

    def _event(self, raw: Mapping[str, Any], path: str, depth: int, above: tuple[int, ...]) -> Node | Broken:
        name = self._name(raw, "event", path)
        measure = self._measure(raw, path)
        of = self._of(raw, measure, path)
        test = self._test(raw, path)
        window = self._window(raw, path)
        where: Any = None
        if "where" in raw:
            where = self.node(raw["where"], f"{path}.where", _CONDITION_KINDS, depth=depth + 1, above=above)
        if name is None or measure is None or test is None or isinstance(window, Broken):
            return Broken()
        return EventLeaf(name, measure, test, of, window, where)

    def _measure(self, raw: Mapping[str, Any], path: str) -> Measure | None:
        known = [str(measure) for measure in Measure]
        if raw.get("measure") in known:
            return Measure(raw["measure"])
        if "measure" not in raw:
            self._refuse(path, f'An event rule needs "measure": {words(known)}.')
        else:
            hint = suggestion(str(raw["measure"]), known)
            self._refuse(f"{path}.measure", f"{shown(raw['measure'])} is not a measure; use {words(known)}{hint}")
        return None

    def _of(self, raw: Mapping[str, Any], measure: Measure | None, path: str) -> str | None:
        if measure is Measure.SUM:
            if "of" not in raw:
                self._refuse(path, 'A sum needs "of", the property to add up.')
                return None
            return self._name(raw, "of", path)
        if "of" in raw and measure is Measure.COUNT:
            self._refuse(f"{path}.of", '"of" belongs to a sum; a count counts the events themselves.')
        return None

    def _window(self, raw: Mapping[str, Any], path: str) -> Within | Period | Broken | None:
        if "within" in raw and ("from" in raw or "to" in raw):
            return self._refuse(f"{path}.within", 'Use either "within" or "from" and "to", not both.')
        if "within" in raw:
            return self._duration(raw["within"], f"{path}.within") or Broken()
        if "from" not in raw and "to" not in raw:
            return None
        sides = {}
        for side in ("from", "to"):
            text = raw.get(side)
            if side in raw and not isinstance(text, str):
                return self._refuse(f"{path}.{side}", f"A period is written as ISO-8601 text, not {noun(text)}.")
            sides[side] = text
        return Period(sides["from"], sides["to"])

    def _duration(self, raw: Any, path: str) -> Within | None:
        match = _DURATION.fullmatch(raw) if isinstance(raw, str) else None
        if match is None:
            wanted = 'a whole number and a unit, such as "10m", "24h" or "30d" (s, m, h, d)'
            self._refuse(path, f"{shown(raw)} is not a duration; write {wanted}.")
            return None
        within = Within(int(match[1]), Unit(match[2]))
        if within.seconds > MAX_WINDOW_SECONDS:
            self._refuse(path, f"A window may be {MAX_WINDOW_SECONDS // 86_400} days long, not longer.")
            return None
        return within

    def _test(self, raw: Mapping[str, Any], path: str) -> Test | None:
        if "op" not in raw:
            self._refuse(path, 'This condition needs an "op", such as "=" or ">".')
            return None
        known = [str(op) for op in Op]
        if not isinstance(raw["op"], str) or raw["op"] not in known:
            hint = suggestion(str(raw["op"]), known)
            self._refuse(f"{path}.op", f"{shown(raw['op'])} is not an operator; use {words(known)}{hint}")
            return None
        op = Op(raw["op"])
        if op in PRESENCE:
            if "value" in raw:
                self._refuse(f"{path}.value", f'"{op}" takes no value.')
                return None
            return Test(op)
        if "value" not in raw:
            self._refuse(path, f'"{op}" needs a "value".')
            return None
        return self._test_with_value(op, raw["value"], f"{path}.value")

    def _test_with_value(self, op: Op, raw: Any, path: str) -> Test | None:
        if op is Op.WITHIN_LAST:
            within = self._duration(raw, path)
            return Test(op, within) if within else None
        if op in MEMBERSHIP or op is Op.BETWEEN:
            choices = self._choices(op, raw, path)
            return Test(op, choices) if choices is not None else None
        value = self._literal(raw, path)
        return Test(op, value) if value is not None else None

    def _choices(self, op: Op, raw: Any, path: str) -> tuple[Literal, ...] | None:
        if not isinstance(raw, list | tuple):
            self._refuse(path, f'"{op}" takes a list of values, not {noun(raw)}.')
            return None
        if op is Op.BETWEEN and len(raw) != 2:
            self._refuse(path, f'"between" takes two values, the lower and the upper, not {len(raw)}.')
            return None
        if not 1 <= len(raw) <= MAX_CHOICES:
            self._refuse(path, f'"{op}" takes between 1 and {MAX_CHOICES:,} values, not {len(raw):,}.')
            return None
        values = [self._literal(item, f"{path}[{index}]") for index, item in enumerate(raw)]
        return None if any(value is None for value in values) else tuple(value for value in values if value is not None)

    def _literal(self, raw: Any, path: str) -> Literal | None:
        match raw:
            case bool():
                return raw
            case int() | float() | Decimal():
                return self._number(raw, path)
            case str():
                return self._text(raw, path)
            case None:
                self._refuse(path, 'A value cannot be null; ask for "missing" instead.')
            case _:
                self._refuse(path, f"A value is a text, a number, true or false, not {noun(raw)}.")
        return None

    def _number(self, raw: int | float | Decimal, path: str) -> Decimal | None:
        exact = number(raw)
        if exact is None:
            self._refuse(path, "This number is out of range: at most 29 digits before the point.")
        elif isinstance(raw, float | Decimal) and exact != Decimal(str(raw)):
            self._refuse(path, "This number is too fine: at most 9 digits after the point.")
            return None
        return exact

    def _text(self, raw: str, path: str) -> str | None:
        if len(raw) > MAX_TEXT:
            self._refuse(path, f"This text is too long: at most {MAX_TEXT:,} characters.")
        elif not _storable(raw):
            self._refuse(path, "This text contains characters that cannot be stored (NUL or half a surrogate pair).")
        else:
            return raw
        return None

    def _name(self, raw: Mapping[str, Any], key: str, path: str) -> str | None:
        name = raw[key]
        if isinstance(name, str) and name and len(name) <= MAX_TEXT and _storable(name):
            return name
        self._refuse(f"{path}.{key}", f'"{key}" takes a name, not {shown(name) if name != "" else "an empty text"}.')
        return None

    def _refuse(self, path: str, message: str) -> Broken:
        self.problems.append(Problem(path, message))
        return Broken()


def _storable(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f'{path}["{key[:60]}"]'
