"""From the preference that rides on every event to the few acts worth an entry. Pure.

A consent manager repeats its setting on each event. Taken as an act each, the repeats would fill the ledger, renew an
expiry that nobody renewed, and, worst, undo a withdrawal made elsewhere: the person withdraws in their account, and
the next page view of a browser that does not know says yes again. So within one device's stream only a CHANGE is an
act.

Arrival order must not matter, and keeping every repeat to find out what changed would be the flood again. Three
instants are enough: the latest yes, the latest no, and when the current run of equal answers began. All three are
maxima or minima over the set of sightings, with one exception: an answer that arrives late into the middle of a run of
the other one splits it, and where the second half began is known only to the events themselves, so `resumed_at` asks
them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Sighting:
    """One event's answer.

    `is_stated`: it tells a decision just made, and gets an entry even if it changes nothing.
    `is_left_out`: a complete list without this purpose; a refusal where the device said yes before, else nothing.
    """

    at: datetime
    granted: bool
    is_stated: bool = False
    is_left_out: bool = False


@dataclass(frozen=True, slots=True)
class Preference:
    """What a device last said, and since when. `since` begins the current run; equal instants: the refusal is later."""

    granted_at: datetime | None
    denied_at: datetime | None
    since: datetime

    @property
    def granted(self) -> bool:
        return self.granted_at is not None and (self.denied_at is None or self.granted_at > self.denied_at)

    def last(self, granted: bool) -> datetime | None:
        return self.granted_at if granted else self.denied_at


@dataclass(frozen=True, slots=True)
class Change:
    """An act that the ledger has to hold. `is_earlier_start`: the current run began earlier than its entry says."""

    at: datetime
    granted: bool
    is_stated: bool = False
    is_earlier_start: bool = False


def follow(
    preference: Preference | None,
    sightings: Iterable[Sighting],
    *,
    resumed_at: Callable[[bool, datetime], datetime | None],
) -> tuple[Preference | None, tuple[Change, ...]]:
    """Return the preference after the sightings, in whatever order they come, and the acts they make.

    `resumed_at(granted, after)` is the first stored sighting of that answer after an instant, or None when none is
    kept.
    """
    changes: list[Change] = []
    for sighting in sorted(sightings, key=lambda each: (each.at, not each.granted)):
        if sighting.is_left_out and not _said_yes_before(preference, sighting.at):
            continue
        before = preference.since if preference else None
        preference, made = _step(preference, sighting, resumed_at)
        for change in made:
            _add(changes, change, before)
        if sighting.is_stated and not any(change.at == sighting.at for change in made):
            changes.append(Change(sighting.at, sighting.granted, is_stated=True))
    return preference, tuple(changes)


def _add(changes: list[Change], change: Change, before: datetime | None) -> None:
    """Add a change. One that only moves back the start of a change of the same claim takes its place instead."""
    same = next((made for made in changes if made.at == before and made.granted is change.granted), None)
    if change.is_earlier_start and same is not None:
        if not same.is_stated:
            changes.remove(same)
        change = replace(change, is_earlier_start=same.is_earlier_start and not same.is_stated)
    changes.append(change)


def _said_yes_before(preference: Preference | None, at: datetime) -> bool:
    return preference is not None and preference.granted_at is not None and preference.granted_at <= at


def _step(
    known: Preference | None, seen: Sighting, resumed_at: Callable[[bool, datetime], datetime | None]
) -> tuple[Preference, list[Change]]:
    act = Change(seen.at, seen.granted, seen.is_stated)
    if known is None:
        return _advance(Preference(None, None, seen.at), seen), [act]
    if _is_before(seen, known.last(not seen.granted)):
        # A later answer to the contrary is known: this one is history that no longer decides anything. It still moves
        # the latest instant of its own answer, unless that is later.
        return _late(known, seen, act, resumed_at)
    if seen.granted is not known.granted:
        return _advance(replace(known, since=seen.at), seen), [act]
    if seen.at < known.since:
        return _advance(replace(known, since=seen.at), seen), [replace(act, is_earlier_start=True)]
    return _advance(known, seen), []


def _late(
    known: Preference, seen: Sighting, act: Change, resumed_at: Callable[[bool, datetime], datetime | None]
) -> tuple[Preference, list[Change]]:
    if _is_not_after(seen.at, known.last(seen.granted)):
        return known, []
    after = _advance(known, seen)
    if (seen.at, not seen.granted) < (known.since, seen.granted):
        return after, [act]
    last = known.last(not seen.granted)
    assert last is not None
    begun = resumed_at(not seen.granted, seen.at) or last
    since = min(begun, last)
    return replace(after, since=since), [act, Change(since, not seen.granted)]


def _is_before(seen: Sighting, contrary: datetime | None) -> bool:
    if contrary is None:
        return False
    return seen.at < contrary or (seen.at == contrary and seen.granted)


def _is_not_after(at: datetime, known: datetime | None) -> bool:
    return known is not None and at <= known


def _advance(preference: Preference, seen: Sighting) -> Preference:
    if _is_not_after(seen.at, preference.last(seen.granted)):
        return preference
    return replace(preference, granted_at=seen.at) if seen.granted else replace(preference, denied_at=seen.at)
