"""Visitors who come while the demo runs: a few at a time, at the pace of people, so that windows fill and empty."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from cdp.demo import visits
from cdp.demo.people import meet
from cdp.demo.visits import SHOPPING, Event, Visit

VISITORS = 40  # when the shop opens
SECONDS_BETWEEN = 3
NEWCOMERS = 0.1  # share of visitors nobody has seen before


@dataclass(slots=True)
class Street:
    """Who is in the shop. Ask `due` now and then for the events that have happened since."""

    seed: int
    people: int
    opened_at: datetime
    chance: Random = field(init=False)
    _waiting: list[tuple[datetime, int, Event]] = field(default_factory=list)
    _visits: int = 0
    _events: int = 0

    def __post_init__(self) -> None:
        self.chance = Random(f"{self.seed}/{self.opened_at.timestamp()}")  # noqa: S311 - a shop, no secret

    def due(self, *, now: datetime) -> list[Event]:
        """Return the events whose time has come, oldest first."""
        while self._visits < self._wanted(now):
            self._enter(now)
        events = []
        while self._waiting and self._waiting[0][0] <= now:
            events.append(heapq.heappop(self._waiting)[2])
        return events

    def _wanted(self, now: datetime) -> int:
        """Return how many visits should have begun by now: some at once, then one every few seconds."""
        return VISITORS + int((now - self.opened_at).total_seconds() / SECONDS_BETWEEN)

    def _enter(self, now: datetime) -> None:
        self._visits += 1
        for event in self._visit(now + timedelta(seconds=self.chance.uniform(0, 10))):
            self._events += 1
            event["messageId"] = f"live-{self.seed}-{int(self.opened_at.timestamp())}-{self._events:06d}"
            heapq.heappush(self._waiting, (datetime.fromisoformat(event["timestamp"]), self._events, event))

    def _visit(self, at: datetime) -> Iterator[Event]:
        number = self.chance.randint(1, self.people)
        newcomer = self.chance.random() < NEWCOMERS
        if newcomer:
            number = self.people + self._visits
        person, _ = meet(self.seed, number)
        device = self.chance.choice(person.devices)
        visit = Visit(person, device, at, self.chance, known=person.user_id is not None and not newcomer)
        if newcomer:
            yield from visits.answer_banner(visit)
        yield from visits.browse(visit, SHOPPING)
