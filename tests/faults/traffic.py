"""The traffic of a fault run: people, batches, duplicates, all decided by a seed, and what was said about whom.

Every event states both `originalTimestamp` and `timestamp`, as a sender with a trusted clock does: it happened then,
whichever copy of it comes in first. Times are distinct to the microsecond, so no winner hangs on a tie.
"""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

BATCH = 50
SHARE_OF_DUPLICATES = 0.05
NAMES = ["Product Viewed"] * 6 + ["Product Added"] * 2 + ["Order Completed"] * 2
_IDENTIFIES = 2  # of each batch
_DAYS = 100
_SHARED_ADDRESSES = 20  # one pair of neighbours in so many people goes by one e-mail address

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """One event, as far as it says anything about people."""

    message_id: str
    name: str
    ts: datetime
    user: str | None
    device: str | None
    email: str | None = None
    traits: dict[str, Any] = field(default_factory=dict)


def history(chance: random.Random, user: str, now: datetime) -> list[Event]:
    """Return every kind of event the run knows, about one person."""
    identify = {"type": "identify", "userId": user, "traits": {"email": f"{user}@example.com", "country": "DE"}}
    bought = {"revenue": 12.5, "category": "shoes"}
    tracks = [{"type": "track", "userId": user, "event": name, "properties": bought} for name in sorted(set(NAMES))]
    events: list[Event] = [identify, *tracks]
    return [_dated(chance, event, now) for event in events]


@dataclass(slots=True)
class Traffic:
    """`events` events about `people` people in batches, and `said`: each of them once."""

    seed: int
    events: int
    people: int
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    said: list[Said] = field(default_factory=list)

    def batches(self) -> Iterator[list[Event]]:
        """Yield every batch, and now and then one that was sent before."""
        chance = random.Random(self.seed)
        earlier: list[list[Event]] = []
        for _ in range(self.events // BATCH):
            batch = [self._identify(chance) for _ in range(_IDENTIFIES)]
            batch += [self._track(chance) for _ in range(BATCH - _IDENTIFIES)]
            self.said += [said(event) for event in batch]
            earlier.append(batch)
            yield batch
            if chance.random() < SHARE_OF_DUPLICATES:
                yield chance.choice(earlier)

    def _track(self, chance: random.Random) -> Event:
        number = chance.randrange(self.people)
        user, draw = f"u-{number}", chance.random()
        who = {"anonymousId": f"device-{user}"} if draw < 0.2 else {"userId": user}
        if 0.2 <= draw < 0.25:
            who["anonymousId"] = f"device-{user}"
        elif 0.25 <= draw < 0.255:  # a browser that two people use
            who["anonymousId"] = f"device-u-{(number + 1) % self.people}"
        revenue = round(chance.uniform(-20, 300), 2)
        properties = {"revenue": revenue, "category": chance.choice(["shoes", "books"])}
        event = {"type": "track", "event": chance.choice(NAMES), **who, "properties": properties}
        return _dated(chance, event, self.now)

    def _identify(self, chance: random.Random) -> Event:
        number = chance.randrange(self.people)
        user = f"u-{number}"
        address = f"u-{number + 1}" if number % _SHARED_ADDRESSES == 0 else user
        traits = {"country": chance.choice(["DE", "AT", "FR", None]), "email": f"{address}@example.com"}
        event = {"type": "identify", "userId": user, "anonymousId": f"device-{user}", "traits": traits}
        return _dated(chance, event, self.now)


def said(event: Event) -> Said:
    traits = event.get("traits", {})
    return Said(
        message_id=event["messageId"],
        name=event.get("event", ""),
        ts=datetime.fromisoformat(event["timestamp"]),
        user=event.get("userId"),
        device=event.get("anonymousId"),
        email=traits.get("email"),
        traits=traits,
    )


def _dated(chance: random.Random, event: Event, now: datetime) -> Event:
    ts = (now - timedelta(microseconds=chance.randrange(10**6, _DAYS * 86_400 * 10**6))).isoformat()
    message_id = str(uuid.UUID(int=chance.getrandbits(128)))
    return event | {"messageId": message_id, "timestamp": ts, "originalTimestamp": ts}
