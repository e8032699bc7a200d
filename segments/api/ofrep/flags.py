"""What a flag is worth for one person, from what their card tells and a key may know."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from django.db import connections
from msgspec.json import decode

from profiles.api.disclosure import TRAIT, Disclosure
from segments.freshness import Freshness, of_status

PROFILE = "profile"
SEGMENT_FLAG = "segment."
TRAIT_FLAG = "trait."


class Reason(StrEnum):
    """Why a flag has its value, or none, in OpenFeature's words."""

    MATCH = "TARGETING_MATCH"
    UNKNOWN = "UNKNOWN"
    WITHHELD = "DISABLED"


class NoSuchFlag(Exception):
    """Nothing here goes by this key."""


class _Missing:
    """Stands for no value: JSON's null would be one."""


MISSING = _Missing()


@dataclass(frozen=True, slots=True)
class LiveSegment:
    """A segment whose rule is live. While its first backfill runs, who is not in it may only not have been judged."""

    key: str
    version: int
    is_settled: bool
    status: str = Freshness.READY.value


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One flag as it is told. Clients were made for a variant in every answer, so there always is one."""

    key: str
    reason: Reason
    variant: str
    value: Any = MISSING
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def spelled(self) -> dict[str, Any]:
        told = {"key": self.key, "reason": self.reason, "variant": self.variant, "metadata": self.metadata}
        return told if self.value is MISSING else {**told, "value": self.value}


@dataclass(frozen=True)
class Person:
    """What flags ask of a disclosure, decoded once."""

    told: Disclosure

    @cached_property
    def traits(self) -> dict[str, Any]:
        stated: dict[str, Any] = decode(self.told.card.traits)
        return {name: value for name, value in stated.items() if self.told.tells_trait(name)}

    @cached_property
    def segments(self) -> dict[str, Mapping[str, Any]]:
        return {entry["key"]: entry for entry in self.told.card.sections.get("segments") or ()}

    def withheld(self, key: str, part: str) -> Evaluation:
        codes = {one.field: one.code for one in self.told.withheld}
        why = codes.get(part) or codes.get(part.partition(".")[0]) or codes.get("*", "")
        return Evaluation(key, Reason.WITHHELD, "withheld", metadata={"withheld": why})


# The latest epoch of a segment says how far it has come.
_LIVE = """
SELECT segment.key, version.number, NOT (epoch.status IN ('backfilling', 'cancelled') AND NOT epoch.replaces),
       epoch.status
  FROM segment
  JOIN segment_version AS version ON version.id = segment.live_version_id
  JOIN LATERAL (SELECT status, replaces FROM rule_epoch WHERE segment_id = segment.id ORDER BY epoch DESC LIMIT 1)
       AS epoch ON true
 WHERE %(keys)s::text[] IS NULL OR segment.key = ANY(%(keys)s::text[])
 ORDER BY segment.key
"""


def live_segments(keys: Iterable[str] | None = None) -> tuple[LiveSegment, ...]:
    """Return the live segments, or those of them that are named."""
    with connections["reads"].cursor() as cursor:
        cursor.execute(_LIVE, {"keys": None if keys is None else list(keys)})
        return tuple(
            LiveSegment(key, version, is_settled, of_status(status).value)
            for key, version, is_settled, status in cursor.fetchall()
        )


def fields_of(key: str) -> frozenset[str]:
    """Return what of a person a flag tells; raises NoSuchFlag for a key that is none."""
    if key == PROFILE:
        return frozenset({"segments", "traits"})
    if key.startswith(SEGMENT_FLAG):
        return frozenset({"segments"})
    if key.startswith(TRAIT_FLAG) and key != TRAIT_FLAG:
        return frozenset({f"{TRAIT}{key.removeprefix(TRAIT_FLAG)}"})
    raise NoSuchFlag


def evaluate(key: str, person: Person | None) -> Evaluation:
    """Evaluate one flag, for somebody unknown where `person` is None; raises NoSuchFlag."""
    if key.startswith(SEGMENT_FLAG):
        named = live_segments([key.removeprefix(SEGMENT_FLAG)])
        if not named:
            raise NoSuchFlag
        return of_segment(named[0], person)
    return _of_profile(person) if key == PROFILE else of_trait(key.removeprefix(TRAIT_FLAG), person)


def evaluate_all(person: Person | None) -> Iterator[Evaluation]:
    """Evaluate every live segment, every trait of the person, and the person as a whole."""
    yield _of_profile(person)
    for segment in live_segments():
        yield of_segment(segment, person)
    if person is not None:
        # Whether somebody has a trait that is withheld is not told either: it is named whether they have it or not.
        hidden = {one.removeprefix(TRAIT) for one in person.told.hidden if one.startswith(TRAIT)}
        for name in sorted(hidden | person.traits.keys()):
            yield of_trait(name, person)


def of_segment(segment: LiveSegment, person: Person | None) -> Evaluation:
    key = f"{SEGMENT_FLAG}{segment.key}"
    if person is None:
        return Evaluation(key, Reason.UNKNOWN, "unknown")
    if not person.told.tells("segments"):
        return person.withheld(key, "segments")
    if entry := person.segments.get(segment.key):
        since = {"version": entry["version"], "entered_at": entry["entered_at"], "status": segment.status}
        return Evaluation(key, Reason.MATCH, "member", True, since)
    if not segment.is_settled:
        return Evaluation(key, Reason.UNKNOWN, "backfilling", metadata={"status": segment.status})
    return Evaluation(key, Reason.MATCH, "non-member", False, {"version": segment.version, "status": segment.status})


def of_trait(name: str, person: Person | None) -> Evaluation:
    key = f"{TRAIT_FLAG}{name}"
    if person is None:
        return Evaluation(key, Reason.UNKNOWN, "unknown")
    if not person.told.tells_trait(name):
        return person.withheld(key, f"{TRAIT}{name}")
    if name not in person.traits:
        return Evaluation(key, Reason.UNKNOWN, "unset")
    return Evaluation(key, Reason.MATCH, "set", person.traits[name])


def _of_profile(person: Person | None) -> Evaluation:
    if person is None:
        return Evaluation(PROFILE, Reason.UNKNOWN, "unknown")
    told: dict[str, Any] = {"id": person.told.public_id}
    if person.told.tells("segments"):
        told["segments"] = sorted(person.segments)
    if person.traits or person.told.tells("traits"):
        told["traits"] = person.traits
    if len(told) == 1:
        return person.withheld(PROFILE, "traits")
    return Evaluation(PROFILE, Reason.MATCH, "known", told)
