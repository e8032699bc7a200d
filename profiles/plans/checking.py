"""Judging an event by a plan. Pure, and fast where there is nothing to say.

An event is matched with its rule by call and name; `context.protocols.event_version` chooses among the versions of that
rule, and where it is missing or none of them the oldest counts: old apps do not say which version they send. The COMMON
rule is asked as well. Nearly every event follows its plan, so that is asked first, of validators compiled to native
code, and in one comparison of names; only of an event that does not, each fault is worked out.

The plan says nothing about calls for which it holds no rule, except track calls, whose names are what a plan lists. It
says nothing about the names of properties either where no rule lists any, or where a schema allows additional ones in
so many words.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from profiles.ingest.incoming import IncomingEvent, Kind
from profiles.plans import schemas
from profiles.plans.enforcement import Enforcement, UnplannedEvent
from profiles.plans.explaining import Judgement, Names, Standard, judgement
from profiles.plans.findings import Consequence, Finding, ViolationType
from profiles.plans.plan import PART, PROPERTIES, Call, Rule

_CALLS = {
    Kind.TRACK: Call.TRACK,
    Kind.IDENTIFY: Call.IDENTIFY,
    Kind.GROUP: Call.GROUP,
    Kind.PAGE: Call.PAGE,
    Kind.SCREEN: Call.SCREEN,
}
#: What our own dialects put among the properties of a page; no plan lists them.
_GIVEN = {Call.PAGE: frozenset({"name", "category"}), Call.SCREEN: frozenset({"name", "category"})}
#: What a call says beside its properties. Only what a schema looks at is put together.
_MEMBER: Mapping[str, Callable[[Call, IncomingEvent], Any]] = {
    "type": lambda call, event: call.lower(),
    "event": lambda call, event: event.name if call is Call.TRACK else None,
    "name": lambda call, event: event.properties.get("name") if call in _GIVEN else None,
    "messageId": lambda call, event: event.message_id,
    "userId": lambda call, event: event.user_id,
    "anonymousId": lambda call, event: event.anonymous_id,
    "groupId": lambda call, event: event.group_id,
    "timestamp": lambda call, event: event.ts.isoformat(),
    "context": lambda call, event: event.context,
}
_EVERYTHING = frozenset(_MEMBER)
_ABOUT_MEMBERS = frozenset({"type", "properties", "required", "definitions"})
_INNER = frozenset({"allOf", "anyOf", "oneOf", "if", "then", "else"})


class CompiledPlan:
    """A plan ready to judge; made once per live version."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules: dict[tuple[Call, str], dict[int, Rule]] = {}
        for rule in rules:
            self._rules.setdefault((rule.call, rule.name), {})[rule.version] = rule
        self._calls = {call for call, _ in self._rules}
        self._versions = {version for versions in self._rules.values() for version in versions}
        self._validators = {
            id(rule): schemas.compiled(rule.schema) for versions in self._rules.values() for rule in versions.values()
        }
        # Bounded: only names and versions of the plan become keys.
        self._chosen: dict[tuple[Call, str | None, int], Standard] = {}

    def judge(self, event: IncomingEvent, enforcement: Enforcement) -> Judgement | None:
        """Say what is wrong with an event, or None when it follows the plan."""
        call = _CALLS.get(event.kind)
        if call is None:
            return None
        name = self._name(call, event)
        if name == _UNPLANNED:
            return _unplanned(call, event, enforcement)
        chosen = self._choose(call, name, _stated_version(event.context))
        document = _document(call, event, chosen)
        said = event.properties
        unlisted = chosen.names.unlisted(said) if chosen.names is not None else []
        if not unlisted and _is_valid(document, chosen.validators):
            return None
        return judgement(chosen, document, unlisted, enforcement)

    def _name(self, call: Call, event: IncomingEvent) -> str | None:
        """Return the name that the event's rule has; None where only the common rule is about it."""
        if call is Call.TRACK:
            return event.name if (call, event.name) in self._rules else _UNPLANNED
        if call not in self._calls:
            return None
        stated = event.properties.get("name") if call in _GIVEN else None
        if isinstance(stated, str) and (call, stated) in self._rules:
            return stated
        return "" if (call, "") in self._rules else _UNPLANNED

    def _choose(self, call: Call, name: str | None, version: int) -> Standard:
        if version not in self._versions:
            version = 0
        key = (call, name, version)
        chosen = self._chosen.get(key)
        if chosen is None:
            of_both = [self._rules.get((Call.COMMON, "")), self._rules.get((call, name)) if name is not None else None]
            rules = [_of_version(versions, version) for versions in of_both if versions]
            chosen = self._chosen[key] = _chosen(call, rules, [self._validators[id(rule)] for rule in rules])
        return chosen


def _is_valid(document: Mapping[str, Any], validators: tuple[Any, ...]) -> bool:
    return all(validator.is_valid(document) for validator in validators)


_UNPLANNED = "\x00"  # no name holds it: events with NUL are refused


def _stated_version(context: Mapping[str, Any]) -> int:
    protocols = context.get("protocols")
    stated = protocols.get("event_version") if type(protocols) is dict else None
    return stated if type(stated) is int else 0


def _of_version(versions: Mapping[int, Rule], version: int) -> Rule:
    return versions.get(version) or versions[min(versions)]


def _chosen(call: Call, rules: list[Rule], validators: list[Any]) -> Standard:
    part = PART.get(call, PROPERTIES)
    members: frozenset[str] = frozenset()
    listed: set[str] = set()
    patterns: list[str] = []
    lists = closed = False
    for rule in rules:
        members |= _members(rule.schema)
        found = list(_about(rule.schema, part, rule.schema))
        for one in found:
            lists = lists or "properties" in one or "patternProperties" in one
            closed = closed or one.get("additionalProperties", False) is not False
            listed.update(one.get("properties", ()))
            patterns += one.get("patternProperties", ())
    listed |= _GIVEN.get(call, frozenset())
    names = (
        Names(frozenset(listed), tuple(schemas.compiled({"pattern": pattern}) for pattern in patterns))
        if lists and not closed
        else None
    )
    return Standard(part, tuple(validators), members, names)


def _about(schema: Any, part: str, root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Find the schemas that are about `part` of a call."""
    for one in _at_once(schema, root):
        inside = one.get("properties")
        if isinstance(inside, dict) and part in inside:
            yield from _at_once(inside[part], root)


def _at_once(schema: Any, root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Go through a schema and those that it holds the same value against."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        yield from _at_once(schemas.target(root, schema["$ref"]), root)
        return
    yield schema
    for keyword in _INNER & schema.keys():
        within = schema[keyword]
        for one in within if isinstance(within, list) else [within]:
            yield from _at_once(one, root)


def _members(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return which members of a call, beside its properties, a schema looks at: the others need not be put together."""
    if schema.keys() - _ABOUT_MEMBERS - schemas.NOTES:
        return _EVERYTHING
    return _EVERYTHING & {*schema.get("properties", ()), *schema.get("required", ())}


def _document(call: Call, event: IncomingEvent, chosen: Standard) -> dict[str, Any]:
    document: dict[str, Any] = {chosen.part: event.properties}
    for name in chosen.members:
        value = _MEMBER[name](call, event)
        if value is not None:
            document[name] = value
    return document


def _unplanned(call: Call, event: IncomingEvent, enforcement: Enforcement) -> Judgement:
    is_blocked = enforcement.unplanned_event is UnplannedEvent.BLOCK
    found = Finding(
        ViolationType.UNPLANNED_EVENT,
        "event" if call is Call.TRACK else "name",
        "The plan has no rule for this event.",
        Consequence.BLOCKED if is_blocked else Consequence.ALLOWED,
    )
    return Judgement((found,), is_blocked)
