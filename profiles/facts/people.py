"""One person as plain values: what the relations say about her, before any engine has seen it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from profiles.facts.contexts import NOWHERE, Circumstances
from profiles.facts.values import Json


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    ts: datetime
    event_id: int
    properties: Mapping[str, Json] = field(default_factory=dict)
    circumstances: Circumstances = NOWHERE


@dataclass(frozen=True, slots=True)
class Consent:
    """The latest word on one purpose: given until a moment (None = without end), or not given."""

    granted: bool
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    traits: Mapping[str, Json] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    consents: Mapping[str, Consent] = field(default_factory=dict)
    time_zone: str | None = None  # the last one known
    lists: frozenset[str] = frozenset()


NOBODY = Person()
