"""Events, time, merges, publications and the lane in any order: what is stored is what a fresh evaluation says."""

import random
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction

from profiles.identity.resolve import Merge
from profiles.lanes import LaneBatch, Touch
from segments import memberships
from segments.models import Membership, Segment
from tests.segments.world import START, World, seconds

RULES: list[dict[str, Any]] = [
    {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 2, "within": "10m"},
    {"event": "Product Viewed", "measure": "count", "op": "<", "value": 2, "within": "5m"},
    {"not": {"event": "Order Completed", "measure": "count", "op": ">=", "value": 1, "within": "8m"}},
    {"event": "Order Completed", "measure": "sum", "of": "revenue", "op": ">", "value": 20, "within": "12m"},
    {
        "all": [
            {"trait": "country", "op": "=", "value": "DE"},
            {"event": "Order Completed", "measure": "count", "op": "<=", "value": 1},
        ]
    },
    {
        "any": [
            {"trait": "country", "op": "!=", "value": "DE"},
            {"trait": "trial_ends", "op": "within_last", "value": "10m"},
        ]
    },
    {"not": {"trait": "country", "op": "in", "value": ["DE", "FR"]}},
    {"event": "Order Completed", "measure": "avg", "of": "revenue", "op": "<=", "value": 10.5, "within": "9m"},
    {"event": "Order Completed", "measure": "first", "of": "revenue", "op": ">", "value": 10, "within": "7m"},
    {"event": "Product Viewed", "measure": "since_last", "op": "between", "value": ["3m", "11m"]},
    {"lifecycle": "returned", "event": "Product Viewed", "within": "9m", "after": "4m"},
    {"lifecycle": "not_since", "event": "Product Viewed", "within": "9m", "not_since": "Order Completed"},
    {"trend": {"event": "Product Viewed", "measure": "count", "within": "4m"}, "op": ">=", "value": 1},
    {
        "sequence": [{"event": "Product Viewed"}, {"event": "Order Completed", "absent": True, "within": "3m"}],
        "within": "12m",
    },
    {"sequence": [{"event": "Product Viewed"}, {"event": "Order Completed", "within": "8m"}], "within": "15m"},
    {"session": {"gap": "4m"}, "measure": "duration", "op": ">", "value": "1m", "within": "12m"},
    {"session": {"gap": "3m", "ended": True}, "measure": "count", "op": "<", "value": 2, "within": "10m"},
    {
        "repeated": {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 1, "within": "2m"},
        "times": 2,
        "within": "15m",
    },
]
KEYS = ["one", "two", "three"]


class Lane:
    """The lanes' bookkeeping with a clock of the test's: touches wait, due times are kept as `due` keeps them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = START
        self.touched: dict[int, dict[str, set[str]]] = defaultdict(lambda: {"keys": set(), "causes": set()})
        self.due: dict[int, datetime] = {}
        self.people: list[int] = []

    def touch(self, person: int, key: str, cause: str) -> None:
        self.touched[person]["keys"].add(key)
        self.touched[person]["causes"].add(cause)

    def run(self, people: list[int]) -> None:
        batch = {}
        for person in people:
            touch = self.touched.pop(person, None)
            if touch is None or person not in self.people:
                continue
            if person in self.due and self.due[person] <= self.now:
                touch["keys"].add("*")
                touch["causes"].add("sweep")
                del self.due[person]
            batch[person] = Touch(frozenset(touch["keys"]), tuple(touch["causes"]))
        with transaction.atomic():
            found = memberships.evaluate(LaneBatch(self.now, batch))
        for person, at in found.items():
            assert at > self.now
            self.due[person] = min(at, self.due.get(person, at))
        self.now += timedelta(microseconds=1)  # evaluations of one person are never at one instant

    def sweep(self) -> None:
        for person, at in self.due.items():
            if at <= self.now:
                self.touch(person, "*", "sweep")


def _person(lane: Lane, chance: random.Random) -> None:
    traits = {"country": chance.choice(["DE", "FR", "GB", 7])} if chance.random() < 0.7 else {}
    person = lane.world.person(**traits)
    lane.people.append(person)
    lane.touch(person, "*", "event")


def _event(lane: Lane, chance: random.Random) -> None:
    if lane.people:
        person = chance.choice(lane.people)
        name = chance.choice(["Product Viewed", "Order Completed"])
        at = lane.now + seconds(chance.choice([-900, -500, -200, -30, 0, 60, 300]))
        lane.world.event(person, name, at=at, revenue=chance.choice([5, 15.5, -12, "much"]))
        lane.touch(person, f"event:{name}", "event")


def _trait(lane: Lane, chance: random.Random) -> None:
    if lane.people:
        person = chance.choice(lane.people)
        name, value = chance.choice(
            [("country", "DE"), ("country", "IT"), ("trial_ends", _stamp(lane.now + seconds(200)))]
        )
        lane.world.learn(person, **{name: value})
        lane.touch(person, f"trait:{name}", "event")


def _merge(lane: Lane, chance: random.Random) -> None:
    if len(lane.people) > 2:
        winner, loser = sorted(chance.sample(lane.people, 2))
        lane.world.merge(winner=winner, loser=loser)
        memberships.merge_step(Merge(winner, loser, lane.now))
        lane.people.remove(loser)
        lane.due.pop(loser, None)
        lane.touched.pop(loser, None)
        lane.touch(winner, "*", "merge")


def _publish(lane: Lane, chance: random.Random) -> None:
    key = chance.choice(KEYS)
    lane.world.publish(key, chance.choice(RULES), now=lane.now, acknowledged=["true_without_data"])
    for person in lane.people:
        lane.touch(person, f"segment:{key}", "backfill")


def _retire(lane: Lane, chance: random.Random) -> None:
    live = list(Segment.objects.filter(live_version__isnull=False).values_list("key", flat=True))
    if live:
        key = chance.choice(live)
        lane.world.retire(key, now=lane.now)
        for person in lane.people:
            lane.touch(person, f"segment:{key}", "backfill")


def _wait(lane: Lane, chance: random.Random) -> None:
    lane.now += seconds(chance.choice([1, 60, 200, 450]))
    lane.sweep()


def _run_some(lane: Lane, chance: random.Random) -> None:
    waiting = sorted(lane.touched)
    lane.run(chance.sample(waiting, chance.randint(0, len(waiting))))


STEPS = [_person] * 2 + [_event] * 6 + [_trait] * 2 + [_merge, _publish, _wait, _wait, _retire] + [_run_some] * 4


def _stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("seed", range(12))
def test_any_interleaving_ends_where_a_fresh_evaluation_does(world: World, seed: int) -> None:
    chance = random.Random(seed)
    lane = Lane(world)
    _publish(lane, chance)
    for _ in range(60):
        chance.choice(STEPS)(lane, chance)
    lane.sweep()
    lane.run(sorted(lane.touched))
    assert memberships.recompute_differences(now=lane.now) == ()
    for person in lane.people:
        _check_stays(world, person)


def _check_stays(world: World, person: int) -> None:
    """Stays in one segment follow each other, and every change was announced once."""
    stays = defaultdict(list)
    for stay in world.stays(person):
        stays[stay.segment_id].append(stay)
    for row in stays.values():
        for before, after in pairwise(row):
            assert before.left_at is not None and before.left_at <= after.entered_at
    changes = world.announced(person)
    everything = Membership.objects.filter(profile_id=person)
    assert changes.count("entered") == everything.count()
    assert changes.count("left") == everything.filter(left_at__isnull=False).count()
    card, _ = world.card(person)
    current = everything.filter(left_at__isnull=True).values_list("segment__key", "standing_version__number")
    assert sorted((entry["key"], entry["version"]) for entry in card or []) == sorted(current)
