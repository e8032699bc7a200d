"""What must be stored about everybody, worked out from the events that were sent and from nothing the product keeps.

A second, plain reading of the promises, on purpose without any of the product's code: an e-mail address joins the users
it was stated for; a device belongs to the user it was first seen with; an event belongs to its user, else to its
device; the latest statement of a trait wins, and null takes it away.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.faults.traffic import Said

Name = tuple[str, str]


@dataclass(slots=True)
class Person:
    """Everything a fault run compares about one person."""

    identifiers: dict[Name, datetime] = field(default_factory=dict)  # with when each was first seen
    traits: dict[str, Any] = field(default_factory=dict)
    events: int = 0
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    orders: int = 0

    @property
    def segments(self) -> set[str]:
        """The sample's segments that do not depend on the moment, decided by hand."""
        regular = {"frequent-buyers"} if self.orders >= 3 else set()
        return regular | ({"germans-and-austrians"} if self.traits.get("country") in ("DE", "AT") else set())


def people(said: Iterable[Said]) -> dict[frozenset[Name], Person]:
    """Return everybody, by the names they go by."""
    heard = list(said)
    group_of = _groups(heard)
    found: defaultdict[Name, Person] = defaultdict(Person)
    stated: defaultdict[Name, dict[str, tuple[datetime, Any]]] = defaultdict(dict)
    for event in heard:
        names = _names(event)
        for name in names:
            person = found[group_of[name]]
            person.identifiers[name] = min(event.ts, person.identifiers.get(name, event.ts))
        group = group_of[names[0]]
        person = found[group]
        person.events += 1
        person.orders += event.name == "Order Completed"
        person.first_seen_at = min(event.ts, person.first_seen_at or event.ts)
        person.last_seen_at = max(event.ts, person.last_seen_at or event.ts)
        for trait, value in event.traits.items():
            if trait not in stated[group] or event.ts > stated[group][trait][0]:
                stated[group][trait] = (event.ts, value)
    for group, person in found.items():
        person.traits = {trait: value for trait, (_, value) in stated[group].items() if value is not None}
    return {frozenset(person.identifiers): person for person in found.values()}


def _names(event: Said) -> list[Name]:
    told = [("user_id", event.user), ("anonymous_id", event.device), ("email", event.email)]
    return [(kind, value) for kind, value in told if value is not None]


def _groups(heard: list[Said]) -> dict[Name, Name]:
    """Return one name for each person, by every name they go by."""
    user_of: dict[str, tuple[datetime, str]] = {}
    users_of: defaultdict[str, set[str]] = defaultdict(set)
    for event in heard:
        if event.user and event.device:
            seen = (event.ts, event.user)
            user_of[event.device] = min(seen, user_of.get(event.device, seen))
        if event.user and event.email:
            users_of[event.email].add(event.user)
    first: dict[str, str] = {}

    def root(user: str) -> str:
        while user in first:
            user = first[user]
        return user

    for users in users_of.values():
        one, *others = sorted({root(user) for user in users})
        first.update(dict.fromkeys(others, one))
    groups: dict[Name, Name] = {}
    for event in heard:
        for kind, value in _names(event):
            user = value if kind == "user_id" else None
            if kind == "anonymous_id" and value in user_of:
                user = user_of[value][1]
            elif kind == "email":
                user = event.user
            groups[kind, value] = ("user_id", root(user)) if user else (kind, value)
    return groups
