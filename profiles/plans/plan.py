"""A tracking plan as data: rules by kind of call, name and version. Pure.

    {"rules": [{"type": "TRACK", "key": "Order Completed", "version": 1, "jsonSchema": {"type": "object", …}}]}

A rule's schema is about the whole call, `properties` or `traits` included. What a plan may hold is refused here with a
path, so that whatever is live can be compiled.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from profiles.plans import schemas
from profiles.plans.schemas import Fault

MOST_RULES = 2_000
LONGEST_KEY = 200
HIGHEST_VERSION = 1_000_000
_MEMBERS = frozenset({"type", "key", "version", "jsonSchema", "deprecatedAt"})


class Call(StrEnum):
    """What a rule is about; COMMON is about every call."""

    COMMON = "COMMON"
    TRACK = "TRACK"
    IDENTIFY = "IDENTIFY"
    GROUP = "GROUP"
    PAGE = "PAGE"
    SCREEN = "SCREEN"


#: Calls whose rules are told apart by a name. Of the others there is one per version, whatever its key says.
NAMED = frozenset({Call.TRACK, Call.PAGE, Call.SCREEN})
#: Where a call keeps what it says.
PART = {Call.IDENTIFY: "traits", Call.GROUP: "traits"}
PROPERTIES = "properties"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; of an event version that the app no longer sends it says since when."""

    call: Call
    key: str
    version: int
    schema: Mapping[str, Any]
    deprecated_at: str = ""

    @property
    def name(self) -> str:
        """What the rule is found by among those of its call."""
        return self.key if self.call in NAMED else ""

    @property
    def part(self) -> str:
        return PART.get(self.call, PROPERTIES)


class PlanInvalid(Exception):
    """The content is no plan; every fault names its place."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(f"{faults[0].field}: {faults[0].reason}")
        self.faults = faults


def read(content: Any) -> tuple[Rule, ...]:
    """Return the rules of a plan. Raises PlanInvalid."""
    if not isinstance(content, dict) or not isinstance(content.get("rules"), list):
        raise PlanInvalid((Fault("rules", "Write an object with a list of rules."),))
    unknown = sorted(content.keys() - {"rules"})
    if unknown:
        raise PlanInvalid((Fault(unknown[0], "A plan has rules and nothing beside them."),))
    if len(content["rules"]) > MOST_RULES:
        raise PlanInvalid((Fault("rules", f"A plan has at most {MOST_RULES} rules."),))
    rules: list[Rule] = []
    faults: list[Fault] = []
    for index, stated in enumerate(content["rules"]):
        at = f"rules[{index}]"
        found = list(_faults(stated, at))
        faults += found
        if not found:
            rules.append(_rule(stated))
    faults += _repeated(rules)
    if faults:
        raise PlanInvalid(tuple(faults[:50]))
    return tuple(rules)


def spell(rules: Iterator[Rule] | tuple[Rule, ...]) -> dict[str, Any]:
    """Return the content that says these rules."""
    return {"rules": [_spelled(rule) for rule in rules]}


def _spelled(rule: Rule) -> dict[str, Any]:
    told = {"type": rule.call.value, "key": rule.key, "version": rule.version, "jsonSchema": dict(rule.schema)}
    return {**told, "deprecatedAt": rule.deprecated_at} if rule.deprecated_at else told


def _rule(stated: Mapping[str, Any]) -> Rule:
    return Rule(
        call=Call(stated["type"]),
        key=stated.get("key") or "",
        version=stated["version"],
        schema=stated["jsonSchema"],
        deprecated_at=stated.get("deprecatedAt") or "",
    )


def _faults(stated: Any, at: str) -> Iterator[Fault]:
    if not isinstance(stated, dict):
        yield Fault(at, "A rule is an object with type, key, version and jsonSchema.")
        return
    for name in sorted(stated.keys() - _MEMBERS):
        yield Fault(f"{at}.{name}"[:200], f"A rule has {', '.join(sorted(_MEMBERS))}, and not this.")
    call = stated.get("type")
    if not isinstance(call, str) or call not in Call.__members__:
        yield Fault(f"{at}.type", f"Write one of {', '.join(Call)}.")
        return
    key = stated.get("key", "")
    if not isinstance(key, str) or len(key) > LONGEST_KEY:
        yield Fault(f"{at}.key", f"Write the name of the event, of at most {LONGEST_KEY} characters.")
    elif call == Call.TRACK and not key.strip():
        yield Fault(f"{at}.key", "A rule for track calls names its event.")
    version = stated.get("version")
    if type(version) is not int or not 1 <= version <= HIGHEST_VERSION:
        yield Fault(f"{at}.version", "Write a whole number from 1 on.")
    if not isinstance(stated.get("deprecatedAt", ""), str | None):
        yield Fault(f"{at}.deprecatedAt", "Write a time as text.")
    yield from schemas.faults(stated.get("jsonSchema"), f"{at}.jsonSchema")


def _repeated(rules: list[Rule]) -> Iterator[Fault]:
    seen: set[tuple[str, str, int]] = set()
    for index, rule in enumerate(rules):
        identity = (rule.call, rule.name, rule.version)
        if identity in seen:
            told = f"{rule.call} {rule.name}".strip()
            yield Fault(f"rules[{index}]", f"There is another rule for {told} in version {rule.version}.")
        seen.add(identity)
