"""What INGEST_SCREENS and INGEST_GATES are given and what they answer.

A screen judges events by what they say, before anybody is resolved: what it refuses or omits teaches nobody's identity.
It runs outside the claim's transaction; what it found is written inside it. A gate sees a whole claim at once, after
duplicates are gone and people are resolved, and may write in its transaction. Both answer only for the events they have
something to say about.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string
from msgspec import Struct

from profiles.ingest.incoming import IncomingEvent

NOTHING: Mapping[Any, Any] = MappingProxyType({})


# A Struct, like IncomingEvent and for its reason: one is built per event.
class ResolvedEvent(Struct, frozen=True):
    """An event that will be stored unless a gate objects. `position` is its place in the claim, not in its batch."""

    position: int
    event_id: int
    origin_id: int
    profile_id: int
    kind: int
    name: str
    ts: datetime
    received_at: datetime
    properties: dict[str, Any]
    context: dict[str, Any]
    source_id: int
    assurance: str
    gpc: bool
    message_id: str
    consent: dict[str, Any] | None = None
    anonymous_id: str | None = None  # the device, also where a user id names the person: their devices may disagree


@dataclass(frozen=True, slots=True)
class Claim:
    """The events of one claim; `now` is the moment they are applied."""

    now: datetime
    events: Sequence[ResolvedEvent]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an event may be stored; a `gap` (nothing says no, nothing says yes) is stored and marked as one.

    A refused event is recorded with its reason. With `keep_payload` it is recorded whole, so that it can be sent
    through again; without, nothing of it stays. `omit` names properties (of an identify or group call: traits) that
    are left out of the stored event, and `protocols` is what its context then says about that.
    """

    keep: bool = True
    code: str = ""
    reason: str = ""
    gap: bool = False
    field: str = ""
    keep_payload: bool = False
    omit: tuple[str, ...] = ()
    protocols: Mapping[str, Any] = dataclass_field(default_factory=lambda: NOTHING)


Gate = Callable[[Claim], Mapping[int, Verdict]]


class Arrival(Struct, frozen=True):
    """An event as it came in; `position` is its place among the arrivals."""

    position: int
    source_id: int
    event: IncomingEvent


@dataclass(frozen=True, slots=True)
class Findings:
    """What a screen says, and what it wants written in the transaction that stores or refuses the events."""

    verdicts: Mapping[int, Verdict] = dataclass_field(default_factory=lambda: NOTHING)
    write: Callable[[], None] | None = None


Screen = Callable[[Sequence[Arrival]], Findings]


@cache
def _load(paths: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(import_string(path) for path in paths)


def screens() -> tuple[Screen, ...]:
    return _load(tuple(settings.INGEST_SCREENS))


def judge(claim: Claim) -> dict[int, Verdict]:
    """Ask every gate in the order of settings."""
    verdicts: dict[int, Verdict] = {}
    for gate in _load(tuple(settings.INGEST_GATES)):
        for position, verdict in gate(claim).items():
            earlier = verdicts.get(position)
            verdicts[position] = verdict if earlier is None else both(earlier, verdict)
    return verdicts


def both(earlier: Verdict, later: Verdict) -> Verdict:
    """Return what two verdicts about one event come to.

    Any refusal refuses, and the first one's reason is told; but one that may keep nothing wins over one that keeps the
    payload, whichever came first. Of two that let the event pass, a gap stays a gap, and all that either omits goes.
    """
    if not later.keep:
        return later if earlier.keep or (earlier.keep_payload and not later.keep_payload) else earlier
    if not earlier.keep:
        return earlier
    told = later if later.gap else earlier
    return replace(
        told,
        gap=earlier.gap or later.gap,
        omit=(*earlier.omit, *(name for name in later.omit if name not in earlier.omit)),
        protocols={**earlier.protocols, **later.protocols},
    )
