"""A plan as people read it: each event with its properties in a row. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from profiles.plans.plan import Rule

#: What the columns tell already.
_TOLD = frozenset({"type", "enum", "title", "description", "$schema", "format"})
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One property or trait; `rest` is what its schema says beside type and values."""

    name: str
    type: str
    is_required: bool
    values: str
    rest: str
    description: str


@dataclass(frozen=True, slots=True)
class Described:
    """One rule; `beyond` is what it says about the call outside its properties."""

    rule: Rule
    rows: tuple[Row, ...]
    beyond: str


def described(rules: Iterable[Rule]) -> list[Described]:
    return [_described(rule) for rule in rules]


def _described(rule: Rule) -> Described:
    properties = rule.schema.get("properties")
    inside = properties.get(rule.part) if isinstance(properties, dict) else None
    if not isinstance(inside, dict):
        inside = {}
    required = inside.get("required")
    named = inside.get("properties")
    rows = tuple(
        _row(name, schema if isinstance(schema, dict) else {}, name in (required or ()))
        for name, schema in (named.items() if isinstance(named, dict) else ())
    )
    outside = (
        {name: schema for name, schema in (properties or {}).items() if name != rule.part}
        if isinstance(properties, dict)
        else {}
    )
    told = {
        **({"properties": outside} if outside else {}),
        **{
            key: value
            for key, value in rule.schema.items()
            if key not in ("$schema", "type", "properties", "title", "description")
        },
    }
    return Described(rule, rows, _short(told) if told else "")


def _row(name: str, schema: Mapping[str, Any], is_required: bool) -> Row:
    types = schema.get("type", "any")
    stated = " or ".join(types) if isinstance(types, list) else str(types)
    if "format" in schema:
        stated = f"{stated}, {schema['format']}"
    rest = {key: value for key, value in schema.items() if key not in _TOLD}
    values = (
        ", ".join(_short(value) for value in schema.get("enum", ())) if isinstance(schema.get("enum"), list) else ""
    )
    description = schema.get("description")
    return Row(name, stated, is_required, values, _short(rest) if rest else "", str(description or ""))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
