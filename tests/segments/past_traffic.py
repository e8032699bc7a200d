"""Traffic through the real pipeline with everything in its past: late events, merges and their undoing, consent."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from consent import ledger
from profiles import lanes
from profiles.identity import unmerging
from profiles.ingest import pipeline
from segments import backfill
from tests.profiles.stream import rows, send
from tests.segments.world import World

VIEWED, ORDERED = "Product Viewed", "Order Completed"
RULES: dict[str, list[dict[str, Any]]] = {
    "germans": [
        {"trait": "country", "op": "=", "value": "DE"},
        {"trait": "country", "op": "in", "value": ["DE", "FR"]},
    ],
    "lookers": [
        {"event": VIEWED, "measure": "count", "op": ">=", "value": 2, "within": "7d"},
        {"event": VIEWED, "measure": "count", "op": ">=", "value": 4, "within": "30d"},
    ],
    "quiet": [{"event": VIEWED, "measure": "count", "op": "<", "value": 3, "within": "30d"}],
    "spenders": [
        {
            "all": [
                {"event": ORDERED, "measure": "sum", "of": "revenue", "op": ">", "value": 100},
                {"not": {"trait": "country", "op": "=", "value": "FR"}},
            ]
        }
    ],
    "asked": [{"all": [{"consent": "marketing"}, {"event": VIEWED, "measure": "count", "op": ">=", "value": 1}]}],
    "either": [
        {
            "any": [
                {"trait": "vip", "op": "=", "value": True},
                {
                    "event": VIEWED, "measure": "count", "op": ">=", "value": 2,
                    "where": {"property": "category", "op": "=", "value": "shoes"},
                },
            ]
        }
    ],
    "moments": [{"event": ORDERED, "measure": "count", "op": ">=", "value": 1, "within": "2s"}],
}  # fmt: skip
#: What goes live once there are people.
_LATER = ("either", "quiet")
ACKNOWLEDGED = ["true_without_data"]


class Traffic:
    """Steps drawn from a seed. Nothing runs beside anything else, so what was recorded is what the lanes saw."""

    def __init__(self, world: World, *, people: int, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.people = people
        self._numbers = 0
        self._undone: set[int] = set()
        self._published: Counter[str] = Counter()
        world.purpose("marketing")
        self._publish(*(key for key in RULES if key not in _LATER))
        self._waiting = list(_LATER)
        settle()

    def step(self) -> None:
        """Do one thing and let the engine work it off."""
        does: list[tuple[Callable[[], None], int]] = [
            (self.act, 60), (self.say, 20), (self.join, 8), (self.undo, 3), (self.consent, 8), (self.publish, 4),
        ]  # fmt: skip
        (chosen,) = self.random.choices([do for do, _ in does], [weight for _, weight in does])
        chosen()
        settle()

    def act(self) -> None:
        """Some events, a good part of them late by anything up to two months."""
        sent = []
        for _ in range(self.random.randint(1, 6)):
            late = self.random.choice([0, 0, 0, 40, 600, 5_000, 40_000])
            properties = {"category": self.random.choice(["shoes", "hats"]), "price": self.random.randint(1, 90)}
            name = self.random.choice([VIEWED, VIEWED, VIEWED, ORDERED])
            if name == ORDERED:
                properties = {"revenue": self.random.choice([19.99, 40, 75.5, -20])}
            sent.append(self._event("track", late=late, event=name, properties=properties, **self._who()))
        send(sent)

    def say(self) -> None:
        traits = {
            "country": self.random.choice(["DE", "FR", "IT", None]),
            "vip": self.random.choice([True, False]),
        }
        name = self.random.choice(list(traits))
        late = self.random.choice([0, 0, 600, 40_000])
        send([self._event("identify", late=late, traits={name: traits[name]}, userId=self._user())])

    def join(self) -> None:
        """A device is seen with a user, or two users turn out to be one."""
        if self.random.random() < 0.5:
            send([self._event("identify", late=0, traits={}, userId=self._user(), anonymousId=self._device())])
        else:
            one, other = self._user(), self._user()
            send([self._event("alias", late=0, userId=one, previousId=other)])

    def undo(self) -> None:
        merges = [merge for (merge,) in rows("SELECT id FROM merge ORDER BY id") if merge not in self._undone]
        if merges:
            chosen = self.random.choice(merges)
            self._undone.add(chosen)
            try:
                unmerging.unmerge(merge_id=chosen, by=self.world.approver, comment="Two people.", now=now())
            except unmerging.AlreadyUndone:
                return

    def consent(self) -> None:
        found = rows("SELECT origin_id FROM identifier ORDER BY origin_id")
        if found:
            ((origin,),) = self.random.sample(found, 1)
            verb = self.random.choice([ledger.grant, ledger.grant, ledger.withdraw])
            at = now() - timedelta(minutes=self.random.choice([0, 0, 500, 5_000]))
            self.world.consent(origin, "marketing", verb, at=at, told_at=now())

    def publish(self) -> None:
        """A rule that was not there before, as long as there is one; then other versions, and back again."""
        if self._waiting:
            self._publish(self._waiting.pop())
        else:
            self._publish(self.random.choice([key for key, versions in RULES.items() if len(versions) > 1]))

    def _publish(self, *keys: str) -> None:
        for key in keys:
            rule = RULES[key][self._published[key] % len(RULES[key])]
            self._published[key] += 1
            self.world.publish(key, rule, now=now(), acknowledged=ACKNOWLEDGED)

    def _event(self, type: str, *, late: float, **fields: Any) -> dict[str, Any]:
        self._numbers += 1
        happened = now() - timedelta(minutes=late * self.random.random())
        return {"type": type, "messageId": f"past-{self._numbers}", "timestamp": happened.isoformat(), **fields}

    def _who(self) -> dict[str, str]:
        return {"userId": self._user()} if self.random.random() < 0.6 else {"anonymousId": self._device()}

    def _user(self) -> str:
        return f"u{self.random.randrange(self.people)}"

    def _device(self) -> str:
        return f"d{self.random.randrange(self.people)}"


def now() -> datetime:
    return datetime.now(UTC)


def settle() -> None:
    """Let claims, lanes, due times and backfills come to an end."""
    while pipeline.claim_once() or lanes.run_once() or lanes.sweep_due() or backfill.advance(now=now()):
        pass


def clock() -> datetime:
    """The database's clock, which flips and recordings are dated by."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        ((at,),) = cursor.fetchall()
        return at
