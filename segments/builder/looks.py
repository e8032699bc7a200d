"""A rule counted for whoever is writing it: about, within a second; or exactly, where that is asked for.

The people that come along as examples are named, as in the list of people: a rule is judged by whom it finds. Whose
names were shown is recorded in the transaction that read them.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from cdp import access
from cdp.access import Actor
from cdp.models import User
from profiles.models import Profile
from profiles.person import headline
from segments import preview
from segments.builder.bounds import at_most
from segments.models import Segment
from segments.preview import Figure
from segments.rules.nodes import Rule
from segments.rules.vocabulary import Catalogue

#: For a count over everybody that somebody waits for.
SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Shown:
    """One of those who would be in: what they are called, and when they were last seen."""

    profile_id: int
    name: str
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Look:
    """What a draft would do. `live_version` is the number of the version it is compared with, None where none is."""

    people: int
    sampled: int
    members: int
    live_version: int | None
    size: Figure
    entering: Figure
    leaving: Figure
    unchanged: Figure
    shown: Sequence[Shown]
    seconds: float

    @property
    def is_exact(self) -> bool:
        return self.sampled == self.people


def about(*, rule: Rule, segment: Segment, catalogue: Catalogue, by: User, now: datetime) -> Look:
    """Estimate from a sample. Raises TookTooLong."""
    with transaction.atomic():
        with at_most(SECONDS):
            seen = preview.estimate(rule=rule, segment_id=segment.pk, catalogue=catalogue, now=now)
        return Look(
            people=seen.people,
            sampled=seen.sampled,
            members=seen.members,
            live_version=_live_version(segment),
            size=seen.size,
            entering=seen.entering,
            leaving=seen.leaving,
            unchanged=seen.unchanged,
            shown=_shown(seen.sample, segment=segment, by=by, now=now),
            seconds=seen.seconds,
        )


def exactly(*, rule: Rule, segment: Segment, catalogue: Catalogue, by: User, now: datetime) -> Look:
    """Count over everybody. Raises TookTooLong."""
    started = time.monotonic()
    with transaction.atomic():
        with at_most(SECONDS):
            seen = preview.preview(rule=rule, segment_id=segment.pk, catalogue=catalogue, now=now)
        return Look(
            people=seen.people,
            sampled=seen.people,
            members=seen.unchanged + seen.leaving,
            live_version=_live_version(segment),
            size=_known(seen.size),
            entering=_known(seen.entering),
            leaving=_known(seen.leaving),
            unchanged=_known(seen.unchanged),
            shown=_shown(seen.sample, segment=segment, by=by, now=now),
            seconds=time.monotonic() - started,
        )


def _live_version(segment: Segment) -> int | None:
    return segment.live_version.number if segment.live_version else None


def _known(number: int) -> Figure:
    return Figure(number, number, number)


def _shown(profile_ids: Sequence[int], *, segment: Segment, by: User, now: datetime) -> Sequence[Shown]:
    people = Profile.objects.in_bulk(profile_ids)
    access.record(
        actor=Actor.person(by),
        action="segment.preview",
        profile_ids=sorted(people),
        purpose="administration",
        fields=["segments", "name", "email"],
        now=now,
        basis={"segment": segment.key},
    )
    return [_told(people[profile_id]) for profile_id in profile_ids if profile_id in people]


def _told(profile: Profile) -> Shown:
    called = headline(profile)
    return Shown(profile.pk, called.name or called.email, profile.last_seen_at)
