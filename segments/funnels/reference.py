"""The meaning of a funnel in plain Python: every way through is tried. The statement is proven equal to this.

- A person's events stand in the order of their time, events of one moment in that of their ids.
- They **enter** with an event that is the first step and lies in [from, to). From there a way leads from step to step,
  each at a later event, all of them before entry + `within`; also after `to`, but never after the report's moment.
- With order `any`, anything may come between. With `strict`, the next step is the very next of the person's events
  that the funnel names (by event; whether or not its condition holds).
- Of all their ways the one counts that leads farthest; of those, one that is there first; of those, the one that was
  entered last, and then whose steps came last. So waiting is not counted as taking long.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from profiles.facts.people import Event, Person
from segments.funnels.definition import Funnel, Order, Step
from segments.rules.reference import value_at
from segments.rules.vocabulary import Catalogue


@dataclass(frozen=True, slots=True)
class Journey:
    """How far one person came: the events of the way that counts, one per step reached."""

    events: tuple[Event, ...]

    @property
    def depth(self) -> int:
        return len(self.events)


def journey(
    funnel: Funnel,
    events: Iterable[Event],
    *,
    start: datetime,
    end: datetime,
    now: datetime,
    catalogue: Catalogue,
    zone: tzinfo,
) -> Journey | None:
    """Follow one person through the funnel; None when they do not enter."""
    told = sorted((e for e in events if e.name in funnel.events), key=lambda e: (e.ts, e.event_id))
    told = [event for event in told if start <= event.ts < min(end + timedelta(seconds=funnel.within.seconds), now)]
    meets = [[_meets(step, event, catalogue, zone) for event in told] for step in funnel.steps]
    ways = [
        way
        for first, event in enumerate(told)
        if meets[0][first] and event.ts < end
        for way in _ways(funnel, told, meets, (first,))
    ]
    if not ways:
        return None
    best = min(ways, key=lambda way: (-len(way), way[-1], _latest_first(told, way)))
    return Journey(tuple(told[place] for place in best))


def _ways(
    funnel: Funnel, told: Sequence[Event], meets: Sequence[Sequence[bool]], way: tuple[int, ...]
) -> Iterator[tuple[int, ...]]:
    """This way, and every way that goes on from it."""
    yield way
    if len(way) == len(funnel.steps):
        return
    deadline = told[way[0]].ts + timedelta(seconds=funnel.within.seconds)
    last = way[-1] + 2 if funnel.order is Order.STRICT else len(told)
    for place in range(way[-1] + 1, min(last, len(told))):
        if meets[len(way)][place] and told[place].ts < deadline:
            yield from _ways(funnel, told, meets, (*way, place))


def _latest_first(told: Sequence[Event], way: tuple[int, ...]) -> tuple[float, ...]:
    return tuple(-place for place in way)


def _meets(step: Step, event: Event, catalogue: Catalogue, zone: tzinfo) -> bool:
    alone = Person(events=(event,))
    return value_at(step.leaf, alone, now=event.ts, catalogue=catalogue, workspace_tz=zone) is True
