"""What exactly is wrong with an event that does not follow its plan, and what becomes of it. Pure.

Nothing told here holds a value that was sent: what people see of a violation is the plan's side of it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, structs

from profiles.plans.enforcement import Enforcement, OnViolation, UnplannedProperty
from profiles.plans.findings import Consequence, Finding, ViolationType

MOST_VALUES = 500
MOST_FINDINGS = 20  # of one event: beyond, it only says again that the event is another one
_LONGEST_NAME = 100


class Judgement(Struct, frozen=True):
    """What was found about an event that does not follow its plan."""

    findings: tuple[Finding, ...]
    is_blocked: bool
    unplanned: tuple[str, ...] = ()  # names to leave out, because nobody planned them
    violating: tuple[str, ...] = ()  # and because their values break the plan

    @property
    def omits(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.unplanned, *self.violating)))


class Names(Struct, frozen=True):
    """The names that a rule lists. `patterns` are those it allows by pattern."""

    listed: frozenset[str]
    patterns: tuple[Any, ...]  # validators: one engine decides what a pattern means

    def unlisted(self, said: Mapping[str, Any]) -> list[str]:
        if said.keys() <= self.listed:
            return []
        return [
            name
            for name in said
            if name not in self.listed and not any(pattern.is_valid(name) for pattern in self.patterns)
        ]


class Standard(Struct, frozen=True):
    """What one event is held against: its rule and the common one."""

    part: str
    validators: tuple[Any, ...]
    members: frozenset[str]
    names: Names | None


def judgement(
    chosen: Standard, document: Mapping[str, Any], unlisted: list[str], enforcement: Enforcement
) -> Judgement | None:
    """Say what is wrong with an event, and what is to become of it; None when nothing is."""
    errors = list(_whole(chosen, document, unlisted) if _is_large(document) else _each(chosen, document))
    is_blocked = bool(errors) and enforcement.violation is OnViolation.BLOCK
    omits_unlisted = enforcement.unplanned_property is UnplannedProperty.OMIT and not is_blocked
    omits_broken = enforcement.violation is OnViolation.OMIT and not is_blocked
    distinct = list({(error.field, error.type): error for error in errors}.values())
    findings = [
        structs.replace(error, consequence=_consequence(is_blocked, omits_broken and bool(error.omits)))
        for error in distinct[:MOST_FINDINGS]
    ]
    findings += [
        Finding(
            ViolationType.UNPLANNED_PROPERTY,
            f"{chosen.part}.{name[:_LONGEST_NAME]}",
            "The plan does not list this name.",
            _consequence(is_blocked, omits_unlisted),
            name,
        )
        for name in unlisted[: MOST_FINDINGS - len(findings)]
    ]
    if not findings:
        return None
    return Judgement(
        tuple(findings),
        is_blocked,
        unplanned=tuple(unlisted) if omits_unlisted else (),
        violating=tuple(dict.fromkeys(error.omits for error in errors if error.omits)) if omits_broken else (),
    )


def _consequence(is_blocked: bool, is_omitted: bool) -> Consequence:
    if is_blocked:
        return Consequence.BLOCKED
    return Consequence.OMITTED if is_omitted else Consequence.ALLOWED


def _is_large(document: Mapping[str, Any]) -> bool:
    """Say whether an event holds so many values that to list all that is wrong would be work for whoever sends it."""
    left, waiting = MOST_VALUES, list(document.values())
    while waiting:
        value = waiting.pop()
        left -= 1
        if left < 0:
            return True
        if type(value) is dict:
            waiting += value.values()
        elif type(value) is list:
            waiting += value
    return False


def _whole(chosen: Standard, document: Mapping[str, Any], unlisted: list[str]) -> Iterator[Finding]:
    """Find by trial which lists and objects break the plan: first without all of them, then with each again."""
    said = {name: value for name, value in document[chosen.part].items() if name not in unlisted}
    held = [name for name, value in said.items() if type(value) in (dict, list)]
    left = {name: value for name, value in said.items() if name not in held}
    told = "It breaks the plan, in an event too large to say where."
    if _is_valid(chosen, document, said):
        return
    if not _is_valid(chosen, document, left):
        yield Finding(ViolationType.INVALID_VALUE, chosen.part, told, Consequence.ALLOWED)
        return
    for name in held:
        with_it = {**left, name: said[name]}
        if _is_valid(chosen, document, with_it):
            left = with_it
        else:
            field = f"{chosen.part}.{name[:_LONGEST_NAME]}"
            yield Finding(ViolationType.INVALID_VALUE, field, told, Consequence.ALLOWED, name)


def _is_valid(chosen: Standard, document: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    tried = {**document, chosen.part: said}
    return all(validator.is_valid(tried) for validator in chosen.validators)


def _each(chosen: Standard, document: Mapping[str, Any]) -> Iterator[Finding]:
    for validator in chosen.validators:
        yield from _errors(validator, document, chosen)


def _errors(validator: Any, document: Mapping[str, Any], chosen: Standard) -> Iterator[Finding]:
    for error in validator.iter_errors(document):
        path, kind = list(error.instance_path), error.kind
        if kind.name == "additionalProperties" and path == [chosen.part] and chosen.names is not None:
            continue  # the names that nobody listed are found by themselves
        if kind.name == "required":
            path, type_ = [*path, kind.property], ViolationType.REQUIRED
            description = "It is required and missing."
        else:
            type_ = ViolationType.INVALID_TYPE if kind.name == "type" else ViolationType.INVALID_VALUE
            description = _sentence(error.message, kind.name)
        yield Finding(
            type_, _field(path), description, Consequence.ALLOWED, _top_level(path, kind.name, chosen.part, document)
        )


def _top_level(path: list[Any], keyword: str, part: str, document: Mapping[str, Any]) -> str:
    """Return the name that can be left out for an error; none where what is wrong is that something is missing."""
    if len(path) < 2 or path[0] != part or (keyword == "required" and len(path) == 2):
        return ""
    return path[1] if path[1] in document[part] else ""


def _field(path: list[Any]) -> str:
    """Write a path without its places in lists: the hundredth product breaks the plan as the first one does."""
    told = ""
    for step in path:
        told += "[]" if isinstance(step, int) else f".{step[:_LONGEST_NAME]}"
    return told.removeprefix(".")[:200]


def _sentence(message: str, keyword: str) -> str:
    # Names that were sent are no values, but there is no end to them.
    if keyword in ("additionalProperties", "propertyNames"):
        return "It holds a name that the plan does not allow."
    first = message.partition("\n")[0]
    return f"{first[:300]}."
