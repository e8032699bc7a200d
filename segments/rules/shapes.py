"""The small parts of which nodes are made: names, tests, stretches of time. Every problem is found, not only the first.

A part that cannot be read is None or a `Broken` node, so that its neighbours are still looked at.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from profiles.facts.values import number
from segments.rules.nodes import Literal, Period, Test, Within
from segments.rules.patterns import PatternRefused, portable
from segments.rules.problems import Problem, noun, shown, suggestion, words
from segments.rules.thresholds import THRESHOLD_OPS, read_threshold
from segments.rules.vocabulary import MAX_CHOICES, MAX_TEXT, MAX_WINDOW_SECONDS, MEMBERSHIP, PRESENCE, SEARCH, Op, Unit

_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhd])")
#: Reads one operand of a test at a path: a literal, or what a node takes instead.
Operand = Callable[[Any, str], Literal | Within | None]


@dataclass(frozen=True, slots=True)
class Broken:
    """Stands where something unreadable was."""


class Parts:
    """Reads the parts of one document and keeps the problems found so far."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def refuse(self, path: str, message: str) -> Broken:
        self.problems.append(Problem(path, message))
        return Broken()

    def name(self, raw: Mapping[str, Any], key: str, path: str) -> str | None:
        name = raw[key]
        if isinstance(name, str) and name and len(name) <= MAX_TEXT and _storable(name):
            return name
        self.refuse(f"{path}.{key}", f'"{key}" takes a name, not {shown(name) if name != "" else "an empty text"}.')
        return None

    def only(self, raw: Mapping[str, Any], known: Collection[str], kind: str, path: str) -> None:
        """Refuse every field of `raw` that `kind` does not take."""
        for key in raw:
            if key not in known:
                hint = suggestion(str(key), known)
                self.refuse(joined(path, str(key)), f'"{kind}" does not take the field {shown(key)}{hint}')

    def window(self, raw: Mapping[str, Any], path: str) -> Within | Period | Broken | None:
        if "within" in raw and ("from" in raw or "to" in raw):
            return self.refuse(f"{path}.within", 'Use either "within" or "from" and "to", not both.')
        if "within" in raw:
            return self.duration(raw["within"], f"{path}.within") or Broken()
        if "from" not in raw and "to" not in raw:
            return None
        sides = {}
        for side in ("from", "to"):
            text = raw.get(side)
            if side in raw and not isinstance(text, str):
                return self.refuse(f"{path}.{side}", f"A period is written as ISO-8601 text, not {noun(text)}.")
            sides[side] = text
        return Period(sides["from"], sides["to"])

    def duration(self, raw: Any, path: str) -> Within | None:
        match = _DURATION.fullmatch(raw) if isinstance(raw, str) else None
        if match is None:
            wanted = 'a whole number and a unit, such as "10m", "24h" or "30d" (s, m, h, d)'
            self.refuse(path, f"{shown(raw)} is not a duration; write {wanted}.")
            return None
        within = Within(int(match[1]), Unit(match[2]))
        if within.seconds > MAX_WINDOW_SECONDS:
            self.refuse(path, f"A window may be {MAX_WINDOW_SECONDS // 86_400} days long, not longer.")
            return None
        return within

    def test(self, raw: Mapping[str, Any], path: str, *, operand: Operand | None = None) -> Test | None:
        """The comparison of a node; `operand` reads what it compares with, where that is not a literal."""
        if "op" not in raw:
            self.refuse(path, 'This condition needs an "op", such as "=" or ">".')
            return None
        known = [str(op) for op in Op]
        if not isinstance(raw["op"], str) or raw["op"] not in known:
            hint = suggestion(str(raw["op"]), known)
            self.refuse(f"{path}.op", f"{shown(raw['op'])} is not an operator; use {words(known)}{hint}")
            return None
        op = Op(raw["op"])
        if op in PRESENCE:
            if "value" in raw:
                self.refuse(f"{path}.value", f'"{op}" takes no value.')
                return None
            return Test(op)
        if "value" not in raw:
            self.refuse(path, f'"{op}" needs a "value".')
            return None
        return self._test_with_value(op, raw["value"], f"{path}.value", operand or self.literal)

    def literal(self, raw: Any, path: str) -> Literal | None:
        match raw:
            case bool():
                return raw
            case int() | float() | Decimal():
                return self._number(raw, path)
            case str():
                return self._text(raw, path)
            case None:
                self.refuse(path, 'A value cannot be null; ask for "missing" instead.')
            case _:
                self.refuse(path, f"A value is a text, a number, true or false, not {noun(raw)}.")
        return None

    def _test_with_value(self, op: Op, raw: Any, path: str, operand: Operand) -> Test | None:
        if op is Op.WITHIN_LAST:
            within = self.duration(raw, path)
            return Test(op, within) if within else None
        if op in MEMBERSHIP or op is Op.BETWEEN:
            choices = self._choices(op, raw, path, operand)
            return Test(op, choices) if choices is not None else None
        if isinstance(raw, Mapping):
            return self._threshold(op, raw, path)
        value = operand(raw, path)
        if op in SEARCH and isinstance(value, str):
            self._searched(op, value, path)
        return Test(op, value) if value is not None else None

    def _searched(self, op: Op, value: str, path: str) -> None:
        if op is not Op.MATCHES:
            if not value:
                self.refuse(path, f'"{op}" needs a text that is not empty: every text has that.')
            return
        try:
            portable(value)
        except PatternRefused as refused:
            self.refuse(path, str(refused))

    def _threshold(self, op: Op, raw: Mapping[str, Any], path: str) -> Test | None:
        if op not in THRESHOLD_OPS:
            self.refuse(path, f'A value from the population stands with <, <=, > or >=, not with "{op}".')
            return None

        def refuse(field: str, told: str) -> None:
            self.refuse(joined(path, field) if field else path, told)

        taken = read_threshold(raw, refuse=refuse)
        return Test(op, taken) if taken is not None else None

    def _choices(self, op: Op, raw: Any, path: str, operand: Operand) -> tuple[Literal | Within, ...] | None:
        if not isinstance(raw, list | tuple):
            self.refuse(path, f'"{op}" takes a list of values, not {noun(raw)}.')
            return None
        if op is Op.BETWEEN and len(raw) != 2:
            self.refuse(path, f'"between" takes two values, the lower and the upper, not {len(raw)}.')
            return None
        if not 1 <= len(raw) <= MAX_CHOICES:
            self.refuse(path, f'"{op}" takes between 1 and {MAX_CHOICES:,} values, not {len(raw):,}.')
            return None
        values = [operand(item, f"{path}[{index}]") for index, item in enumerate(raw)]
        return None if any(value is None for value in values) else tuple(value for value in values if value is not None)

    def _number(self, raw: int | float | Decimal, path: str) -> Decimal | None:
        exact = number(raw)
        if exact is None:
            self.refuse(path, "This number is out of range: at most 29 digits before the point.")
        elif isinstance(raw, float | Decimal) and exact != Decimal(str(raw)):
            self.refuse(path, "This number is too fine: at most 9 digits after the point.")
            return None
        return exact

    def _text(self, raw: str, path: str) -> str | None:
        if len(raw) > MAX_TEXT:
            self.refuse(path, f"This text is too long: at most {MAX_TEXT:,} characters.")
        elif not _storable(raw):
            self.refuse(path, "This text contains characters that cannot be stored (NUL or half a surrogate pair).")
        else:
            return raw
        return None


def joined(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f'{path}["{key[:60]}"]'


def _storable(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)
