"""Writing a plan from what was sent: names, types, what is always there, the values where there are few. Pure.

A plan is kept for good, with its history, and shown to everybody who works here, so no person's value may come into
one. Values are listed only where each was sent by many people, and only short texts; everything else becomes a type.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from profiles.ingest.incoming import Kind
from profiles.plans.plan import PART, PROPERTIES, Call, Rule

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
MOST_EVENTS = 300
MOST_NAMES = 300
_LONGEST_VALUE = 40
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_CALLS = {Kind.TRACK: Call.TRACK, Kind.IDENTIFY: Call.IDENTIFY, Kind.GROUP: Call.GROUP, Kind.PAGE: Call.PAGE,
          Kind.SCREEN: Call.SCREEN}  # fmt: skip


class Seen(Struct, frozen=True):
    """What one stored event held; `person` only tells people apart."""

    kind: Kind
    name: str
    properties: Mapping[str, Any]
    person: int


@dataclass(frozen=True, slots=True)
class Habits:
    """How much it takes: the share of events that makes a property required, and what makes its values a list."""

    required_share: float = 1.0
    least_events: int = 1  # an event seen less often is taken for a mistake
    most_values: int = 10
    people_per_value: int = 20


@dataclass(slots=True)
class _Property:
    count: int = 0
    types: Counter[str] = field(default_factory=Counter)
    are_times: bool = True
    values: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))


def learn(seen: Iterable[Seen], habits: Habits) -> tuple[Rule, ...]:
    """Return a rule per event that was seen, the most frequent events first within each kind of call."""
    counts: Counter[tuple[Call, str]] = Counter()
    found: dict[tuple[Call, str], dict[str, _Property]] = defaultdict(lambda: defaultdict(_Property))
    for one in seen:
        call = _CALLS.get(one.kind)
        if call is None:
            continue
        key = (call, one.name if call is Call.TRACK else "")
        counts[key] += 1
        properties = found[key]
        for name, value in one.properties.items():
            if name in properties or len(properties) < MOST_NAMES:
                _note(properties[name], value, one.person, habits)
    frequent = [(key, count) for key, count in counts.most_common(MOST_EVENTS) if count >= habits.least_events]
    return tuple(
        Rule(call, key, 1, _schema(call, found[call, key], count, habits))
        for (call, key), count in sorted(frequent, key=lambda one: (list(Call).index(one[0][0]), -one[1], one[0][1]))
    )


def _note(known: _Property, value: Any, person: int, habits: Habits) -> None:
    known.count += 1
    type_ = _type(value)
    known.types[type_] += 1
    if type_ != "string":
        return
    known.are_times = known.are_times and _DATE_TIME.fullmatch(value) is not None
    # One value more than may be listed is enough to know that there are too many.
    if value in known.values or len(known.values) <= habits.most_values:
        known.values[value[: _LONGEST_VALUE + 1]].add(person)


def _type(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _schema(call: Call, properties: Mapping[str, _Property], count: int, habits: Habits) -> dict[str, Any]:
    part = PART.get(call, PROPERTIES)
    required = sorted(
        name
        for name, known in properties.items()
        if known.count >= habits.required_share * count and "null" not in known.types
    )
    inside: dict[str, Any] = {
        "type": "object",
        "properties": {name: _property(known, habits) for name, known in sorted(properties.items())},
    }
    if required:
        inside["required"] = required
    return {"$schema": DRAFT_7, "type": "object", "properties": {part: inside}}


def _property(known: _Property, habits: Habits) -> dict[str, Any]:
    types = set(known.types)
    if "number" in types:
        types.discard("integer")  # a number without a fraction is one, too
    told: dict[str, Any] = {"type": types.pop() if len(types) == 1 else sorted(types)}
    if told["type"] != "string":
        return told
    if known.are_times:
        told["format"] = "date-time"
    elif _may_be_listed(known, habits):
        told["enum"] = sorted(known.values)
    return told


def _may_be_listed(known: _Property, habits: Habits) -> bool:
    return 0 < len(known.values) <= habits.most_values and all(
        len(people) >= habits.people_per_value and len(value) <= _LONGEST_VALUE
        for value, people in known.values.items()
    )
