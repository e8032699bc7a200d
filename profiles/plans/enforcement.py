"""What a source's version says: how the source is called and counts, and what becomes of events off its plan. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from profiles.plans.schemas import Fault

LONGEST_NAME = 200
PRIORITIES = (0, 1_000)
KINDS = ("server", "browser", "import")


class UnplannedEvent(StrEnum):
    ALLOW = "allow"
    BLOCK = "block"


class UnplannedProperty(StrEnum):
    ALLOW = "allow"
    OMIT = "omit"


class OnViolation(StrEnum):
    ALLOW = "allow"
    OMIT = "omit"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Enforcement:
    unplanned_event: UnplannedEvent = UnplannedEvent.ALLOW
    unplanned_property: UnplannedProperty = UnplannedProperty.ALLOW
    violation: OnViolation = OnViolation.ALLOW


@dataclass(frozen=True, slots=True)
class SourceTerms:
    """A source as its version states it; `tracking_plan` is the key of its plan."""

    name: str
    kind: str = "server"
    priority: int = 100
    enabled: bool = True
    tracking_plan: str = ""
    enforcement: Enforcement = Enforcement()


class TermsInvalid(Exception):
    """The content does not say what a source is; every fault names its place."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(f"{faults[0].field}: {faults[0].reason}")
        self.faults = faults


_CHOICES: Mapping[str, type[StrEnum]] = {
    "unplanned_event": UnplannedEvent,
    "unplanned_property": UnplannedProperty,
    "violation": OnViolation,
}
_MEMBERS = ("name", "kind", "priority", "enabled", "tracking_plan", "enforcement")


def read(content: Any) -> SourceTerms:
    """Read what a version states; what it leaves out has its default. Raises TermsInvalid."""
    if not isinstance(content, dict):
        raise TermsInvalid((Fault("", f"Write an object with {', '.join(_MEMBERS)}."),))
    faults = [
        Fault(name[:200], "A source states nothing of this name.") for name in sorted(content.keys() - {*_MEMBERS})
    ]
    name, kind, priority = content.get("name"), content.get("kind", "server"), content.get("priority", 100)
    enabled, plan = content.get("enabled", True), content.get("tracking_plan", "")
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME:
        faults.append(Fault("name", f"Write a name of at most {LONGEST_NAME} characters."))
    if kind not in KINDS:
        faults.append(Fault("kind", f"Write one of {', '.join(KINDS)}."))
    if type(priority) is not int or not PRIORITIES[0] <= priority <= PRIORITIES[1]:
        faults.append(Fault("priority", f"Write a whole number from {PRIORITIES[0]} to {PRIORITIES[1]}."))
    if not isinstance(enabled, bool):
        faults.append(Fault("enabled", "Write true or false."))
    if not isinstance(plan, str):
        faults.append(Fault("tracking_plan", "Write the key of a tracking plan, or leave it out."))
    enforcement = _enforcement(content.get("enforcement", {}), faults)
    if faults:
        raise TermsInvalid(tuple(faults))
    return SourceTerms(str(name), str(kind), priority, enabled, plan, enforcement)


def spell(terms: SourceTerms) -> dict[str, Any]:
    """Return the content that states these terms."""
    said = terms.enforcement
    return {
        "name": terms.name,
        "kind": terms.kind,
        "priority": terms.priority,
        "enabled": terms.enabled,
        "tracking_plan": terms.tracking_plan,
        "enforcement": {name: str(getattr(said, name)) for name in _CHOICES},
    }


def _enforcement(stated: Any, faults: list[Fault]) -> Enforcement:
    if not isinstance(stated, dict):
        faults.append(Fault("enforcement", f"Write an object with {', '.join(_CHOICES)}."))
        return Enforcement()
    faults += [
        Fault(f"enforcement.{name}"[:200], "There is no such setting.")
        for name in sorted(stated.keys() - _CHOICES.keys())
    ]
    chosen: dict[str, Any] = {}
    for name, choices in _CHOICES.items():
        value = stated.get(name, "allow")
        if not isinstance(value, str) or value not in list(choices):
            faults.append(Fault(f"enforcement.{name}", f"Write one of {', '.join(choices)}."))
        else:
            chosen[name] = choices(value)
    return Enforcement(**chosen)
