"""Which JSON Schemas a plan may hold: the part of draft-07 that costs a bounded time, whatever is sent. Pure.

Left out on purpose: references that leave the schema (they would make ingest fetch addresses), references in a circle,
and keywords nobody knows, which JSON Schema ignores, so that a misspelt `requird` would look like a rule and be none.
Patterns are matched in linear time by an engine without lookahead and back-references; a pattern that needs these is
refused. References may be shared, but not so that a few lines unfold into millions of checks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

LONGEST_PATTERN = 1_000
MOST_CHECKS = 20_000
MASK = "The value"  # stands in messages for what was sent
_DEFINITIONS = "#/definitions/"
_COMPILED_SIZE = 1 << 20  # bytes a compiled pattern may take

_ONE = frozenset({"not", "if", "then", "else", "contains", "propertyNames", "additionalItems", "additionalProperties"})
_MANY = frozenset({"allOf", "anyOf", "oneOf"})
_NAMED = frozenset({"properties", "patternProperties", "definitions"})
_PLAIN = frozenset({
    "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength",
    "minLength", "maxItems", "minItems", "uniqueItems", "maxProperties", "minProperties", "required",
})  # fmt: skip
#: Of these nothing follows; `id`, `labels` and `tags` are what Segment's own plans carry along.
NOTES = frozenset({
    "$schema", "$id", "title", "description", "default", "examples", "$comment", "readOnly", "writeOnly", "id",
    "labels", "tags",
})  # fmt: skip
_OTHERS = frozenset({"$ref", "pattern", "format", "items", "dependencies"})
KEYWORDS = _ONE | _MANY | _NAMED | _PLAIN | NOTES | _OTHERS
FORMATS = frozenset({
    "date-time", "date", "time", "email", "idn-email", "hostname", "ipv4", "ipv6", "uri", "uri-reference", "uuid",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where: a path with dots."""

    field: str
    reason: str


class _Refused(Exception):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.fault = Fault(field, reason)


def compiled(schema: Mapping[str, Any]) -> Any:
    """Return the validator of a schema without faults; its messages hold no value that was sent."""
    return jsonschema_rs.Draft7Validator(
        without_notes(schema),
        validate_formats=True,
        mask=MASK,
        pattern_options=jsonschema_rs.RegexOptions(size_limit=_COMPILED_SIZE),
        offline=True,
    )


def faults(schema: Any, at: str) -> Iterator[Fault]:
    """Say what is wrong with a schema, first thing first; nothing when it may be used."""
    if not isinstance(schema, dict):
        yield Fault(at, "Write a JSON Schema: an object.")
        return
    try:
        _walk(schema, at)
        sizes: dict[str, int] = {}
        if _checks(schema, schema, at, sizes, ()) > MOST_CHECKS:
            raise _Refused(at, f"Its references unfold into more than {MOST_CHECKS} checks.")
    except _Refused as refused:
        yield refused.fault
        return
    try:
        compiled(schema)
    except ValueError as error:  # the library's own kinds, for a schema that is none and for a reference to nothing
        path = "".join(f".{step}" for step in getattr(error, "instance_path", ()))
        yield Fault(f"{at}{path}", _first_line(error))


def without_notes(schema: Any) -> Any:
    """Return the schema without what nothing follows from: `id` and `default` may hold anything."""
    if isinstance(schema, list):
        return [without_notes(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in NOTES or keyword.startswith("x-"):
            continue
        if isinstance(value, dict) and (keyword in _NAMED or keyword == "dependencies"):
            kept[keyword] = {name: without_notes(one) for name, one in value.items()}
        elif keyword in _ONE or keyword in _MANY or keyword == "items":
            kept[keyword] = without_notes(value)
        else:
            kept[keyword] = value
    return kept


def inner(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Go through the schemas inside a schema, one level down, each with its path."""
    for keyword, value in schema.items():
        if keyword in _ONE or (keyword == "items" and not isinstance(value, list)):
            yield keyword, value
        elif (keyword in _MANY or keyword == "items") and isinstance(value, list):
            yield from ((f"{keyword}[{index}]", one) for index, one in enumerate(value))
        elif (keyword in _NAMED or keyword == "dependencies") and isinstance(value, dict):
            yield from ((f"{keyword}.{name}", one) for name, one in value.items() if not isinstance(one, list))


def target(root: Mapping[str, Any], reference: str) -> Any:
    """Return what a reference means; None where it means nothing."""
    name = reference.removeprefix(_DEFINITIONS).replace("~1", "/").replace("~0", "~")
    definitions = root.get("definitions")
    return definitions.get(name) if isinstance(definitions, dict) else None


def _walk(schema: Any, at: str) -> None:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise _Refused(at, "Write a JSON Schema: an object, true or false.")
    for keyword, value in schema.items():
        if keyword not in KEYWORDS and not keyword.startswith("x-"):
            raise _Refused(f"{at}.{keyword}"[:200], "No keyword that a plan may use. Is it spelt right?")
        if keyword == "$ref":
            _check_reference(value, f"{at}.$ref")
        elif keyword == "pattern":
            _check_pattern(value, f"{at}.pattern")
        elif keyword == "patternProperties" and isinstance(value, dict):
            for pattern in value:
                _check_pattern(pattern, f"{at}.patternProperties")
        elif keyword == "format" and value not in FORMATS:
            raise _Refused(f"{at}.format", f"Write one of {', '.join(sorted(FORMATS))}.")
    for path, one in inner(schema):
        _walk(one, f"{at}.{path}"[:200])


def _check_reference(value: Any, at: str) -> None:
    if not isinstance(value, str) or not value.startswith(_DEFINITIONS) or "/" in value.removeprefix(_DEFINITIONS):
        raise _Refused(at, "A reference stays inside: #/definitions/ and a name.")


def _check_pattern(value: Any, at: str) -> None:
    if not isinstance(value, str) or len(value) > LONGEST_PATTERN:
        raise _Refused(at, f"Write a pattern of at most {LONGEST_PATTERN} characters.")
    try:
        jsonschema_rs.Draft7Validator(
            {"pattern": value}, pattern_options=jsonschema_rs.RegexOptions(size_limit=_COMPILED_SIZE), offline=True
        )
    except ValueError:
        told = "No pattern that can be matched in linear time: lookahead and back-references are not taken."
        raise _Refused(at, told) from None


def _checks(root: Mapping[str, Any], schema: Any, at: str, sizes: dict[str, int], open_: tuple[str, ...]) -> int:
    """Count the checks that a schema unfolds into. Definitions count where they are used."""
    if not isinstance(schema, dict):
        return 1
    total = 1
    if isinstance(reference := schema.get("$ref"), str):
        if reference in open_:
            raise _Refused(f"{at}.$ref", "References run in a circle.")
        meant = target(root, reference)
        if meant is None:
            raise _Refused(f"{at}.$ref", "There is no definition of this name.")
        if reference not in sizes:
            sizes[reference] = _checks(root, meant, at, sizes, (*open_, reference))
        total += sizes[reference]
    for path, one in inner(schema):
        if not path.startswith("definitions."):
            total += _checks(root, one, f"{at}.{path}"[:200], sizes, open_)
    return total


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300] or "This is no JSON Schema of draft-07."
