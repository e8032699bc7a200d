"""What INGEST_GATES are given and what they answer.

A gate sees a whole claim at once, after duplicates are gone and people are resolved, and may write in its transaction.
It answers only for the events it has something to say about.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string
from msgspec import Struct


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
    """Whether an event may be stored; a `gap` (nothing says no, nothing says yes) is stored and marked as one."""

    keep: bool = True
    code: str = ""
    reason: str = ""
    gap: bool = False


Gate = Callable[[Claim], Mapping[int, Verdict]]


@cache
def _load(paths: tuple[str, ...]) -> tuple[Gate, ...]:
    return tuple(import_string(path) for path in paths)


def judge(claim: Claim) -> dict[int, Verdict]:
    """Ask every gate in the order of settings; the first refusal of an event stands, and a gap stays a gap."""
    verdicts: dict[int, Verdict] = {}
    for gate in _load(tuple(settings.INGEST_GATES)):
        for position, verdict in gate(claim).items():
            earlier = verdicts.get(position)
            if earlier is None or (earlier.keep and (not verdict.keep or verdict.gap)):
                verdicts[position] = verdict
    return verdicts
