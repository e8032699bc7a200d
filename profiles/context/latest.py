"""Which telling of a part is the latest: a maximum over (event time, event id), so that no order of arrival counts.

A `Telling` is kept per origin and part; what a person was last known by is the latest over their origins.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.json import Decoder, Encoder

from profiles.context.deriving import Derived


class Telling(NamedTuple):
    """When, in which event and by which source a part was told. Times, all in UTC by one hand, sort as text."""

    at: str
    event_id: int
    source_id: int
    values: tuple[str | None, ...]

    @property
    def shown(self) -> tuple[tuple[str | None, ...], int, str]:
        """What of it the person's traits show; a telling that shows the same is not written there again."""
        return self.values, self.source_id, self.day

    @property
    def day(self) -> str:
        return self.at[:10]


Told = Mapping[str, Telling]
NOTHING_TOLD: Told = {}
encode = Encoder().encode
decode = Decoder(dict[str, Telling]).decode


def later(*several: Told) -> dict[str, Telling]:
    """Each part's latest telling."""
    latest: dict[str, Telling] = {}
    for told in several:
        for part, telling in told.items():
            known = latest.get(part)
            if known is None or telling[:2] > known[:2]:
                latest[part] = telling
    return latest


def told_by(events: Iterable[tuple[Derived, tuple[str, int, int]]]) -> dict[str, Telling]:
    """The latest tellings of events, each with what it derived and (time, event id, source id)."""
    return later(*({part: Telling(*stamp, values) for part, values in derived.parts} for derived, stamp in events))


def spelled(events: Mapping[Derived, tuple[str, int, int]]) -> str:
    """What `told_by` tells, as JSON; at next to no cost for the usual origin, all of whose events tell alike."""
    if len(events) > 1:
        return encode(told_by(events.items())).decode()
    ((derived, (at, event_id, source_id)),) = events.items()
    told = [f'"{part}":["{at}",{event_id},{source_id},{values}]' for part, values in derived.spelled]
    return "{" + ",".join(told) + "}"


def show_the_same(one: Told, other: Told) -> bool:
    return one.keys() == other.keys() and all(telling.shown == other[part].shown for part, telling in one.items())
