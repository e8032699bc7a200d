"""Frozen moments just before, at and after each kind of leaf's due time: no loop, exact flips, entries too."""

from datetime import timedelta
from typing import Any

import pytest

from consent import ledger
from tests.segments.world import START, World, seconds

TICK = timedelta(microseconds=1)


def count(op: str, value: int | list[int], **more: Any) -> dict[str, Any]:
    return {"event": "Order Completed", "measure": "count", "op": op, "value": value, **more}


def total(op: str, value: float, **more: Any) -> dict[str, Any]:
    return {"event": "Order Completed", "measure": "sum", "of": "revenue", "op": op, "value": value, **more}


def of(measure: str, op: str, value: float) -> dict[str, Any]:
    return total(op, value, measure=measure, within="10m")


# name: rule, orders as (seconds after START, revenue), traits, then the moments at which membership turns, in seconds
# after START, and whether the person is in at START.
CASES: dict[str, tuple[dict[str, Any], list[tuple[int, float]], dict[str, Any], list[int], bool]] = {
    "count above is left when the oldest that is needed ends": (
        count(">=", 2, within="10m"),
        [(-300, 1), (-200, 1), (-100, 1)],
        {},
        [400],
        True,
    ),
    "count below is entered by waiting": (count("<", 2, within="10m"), [(-300, 1), (-200, 1)], {}, [300], False),
    "count equal is entered, then left": (count("=", 1, within="10m"), [(-300, 1), (-200, 1)], {}, [300, 400], False),
    "count between": (count("between", [1, 2], within="10m"), [(-300, 1), (-200, 1), (-100, 1)], {}, [300, 500], False),
    "count different": (count("!=", 1, within="10m"), [(-300, 1), (-200, 1)], {}, [300, 400], True),
    "absence is entered when the last one ends": (count("=", 0, within="1h"), [(-600, 1)], {}, [3000], False),
    "sum above": (total(">", 10, within="10m"), [(-300, 8), (-200, 8)], {}, [300], True),
    "sum with a refund is entered when the refund ends": (
        total(">=", 10, within="10m"),
        [(-300, -5), (-200, 12)],
        {},
        [300, 400],
        False,
    ),
    "sum below": (total("<=", 5, within="10m"), [(-300, 8), (-200, 4)], {}, [300], False),
    "not is entered when its child ends": ({"not": count(">=", 1, within="10m")}, [(-300, 1)], {}, [300], False),
    "all ends with its first": (
        {"all": [count(">=", 1, within="10m"), total(">=", 1, within="20m")]},
        [(-300, 1)],
        {},
        [300],
        True,
    ),
    "any ends with its last": (
        {"any": [count(">=", 1, within="10m"), total(">=", 1, within="20m")]},
        [(-300, 1)],
        {},
        [900],
        True,
    ),
    "an average above is left when the large one ends": (of("avg", ">=", 10), [(-300, 30), (-200, 2)], {}, [300], True),
    "an average below is entered when the large one ends, and left when there is none": (
        of("avg", "<", 10),
        [(-300, 30), (-200, 2)],
        {},
        [300, 400],
        False,
    ),
    "a greatest is left when it ends": (of("max", ">", 10), [(-300, 30), (-200, 2)], {}, [300], True),
    "a first value gives way to the next": (of("first", "=", 2), [(-300, 30), (-200, 2)], {}, [300, 400], False),
    "a latest value stays until it ends": (of("last", "=", 2), [(-300, 30), (-200, 2)], {}, [400], True),
    "different values fall with the newest of one": (
        of("distinct", ">=", 2),
        [(-400, 2), (-300, 30), (-200, 2)],
        {},
        [300],
        True,
    ),
    "how long ago is entered by waiting": (
        {"event": "Order Completed", "measure": "since_last", "op": ">=", "value": "5m"},
        [(-500, 1), (-200, 1)],
        {},
        [100],
        False,
    ),
    "a first time is left with its window": (
        {"lifecycle": "first_time", "event": "Order Completed", "within": "10m"},
        [(-500, 1), (-200, 1)],
        {},
        [100],
        True,
    ),
    "a return is left with its window": (
        {"lifecycle": "returned", "event": "Order Completed", "within": "10m", "after": "5m"},
        [(-500, 1), (-200, 1)],
        {},
        [400],
        True,
    ),
    "nothing since is left with its window": (
        {"lifecycle": "not_since", "event": "Order Completed", "within": "10m", "not_since": "Product Viewed"},
        [(-500, 1), (-200, 1)],
        {},
        [400],
        True,
    ),
    "a trend turns as events pass from one window to the other": (
        {"trend": {"event": "Order Completed", "measure": "count", "within": "5m"}, "op": ">=", "value": 1},
        [(-500, 1), (-200, 1)],
        {},
        [100],
        True,
    ),
    "a trait's moment within the last hour": (
        {"trait": "trial_ends", "op": "within_last", "value": "1h"},
        [],
        {"trial_ends": "2026-03-03T12:10:00Z"},
        [600, 4200],
        False,
    ),
    "an event ahead of the clock counts when its time comes": (count(">=", 1), [(120, 1)], {}, [120], False),
    "a period that ends changes nothing": (
        count(">=", 1, **{"from": "2026-03-03", "to": "2026-03-04"}),
        [(-300, 1)],
        {},
        [],
        True,
    ),
    "a trait alone never changes by itself": (
        {"trait": "country", "op": "=", "value": "DE"},
        [],
        {"country": "DE"},
        [],
        True,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_membership_turns_exactly_at_the_due_time_and_nowhere_else(world: World, name: str) -> None:
    rule, orders, traits, turns, is_in = CASES[name]
    warnings = ["true_without_data"]
    world.publish("tried", rule, now=START - seconds(7200), acknowledged=warnings)
    anna = world.person(**traits)
    for offset, revenue in orders:
        world.event(anna, "Order Completed", at=START + seconds(offset), revenue=revenue)
    due = world.judge(anna, now=START, keys=["segment:tried"]).get(anna)
    assert (world.members("tried") == {anna}) == is_in
    for turn in turns:
        moment = START + seconds(turn)
        due = _wake_until(world, anna, due, moment)
        assert (world.members("tried") == {anna}) == is_in, "it turned too early"
        assert due == moment
        due = world.judge(anna, now=moment, cause="sweep").get(anna)
        is_in = not is_in
        assert (world.members("tried") == {anna}) == is_in, "it did not turn at its moment"
    _wake_until(world, anna, due, START + timedelta(days=400))
    assert (world.members("tried") == {anna}) == is_in


def _wake_until(world: World, person: int, due: Any, moment: Any) -> Any:
    """Follow due times as the sweep does, up to the tick before `moment`; a due time may be early, never late."""
    woken = 0
    while due is not None and due < moment:
        following = world.judge(person, now=due, cause="sweep").get(person)
        assert following is None or following > due, "a due time that does not advance would loop"
        due, woken = following, woken + 1
        assert woken < 10
    if due is not None:
        assert world.judge(person, now=moment - TICK, cause="sweep").get(person) == due
    return due


def test_a_grant_that_runs_out_is_left_at_its_end(world: World) -> None:
    world.purpose("marketing", expires_after="1h")
    world.publish("reachable", {"consent": "marketing"})
    anna = world.person()
    world.consent(anna, "marketing", ledger.grant, at=START)
    end = START + timedelta(hours=1)
    assert world.judge(anna, now=START + seconds(1), keys=["consent:marketing"], cause="consent") == {anna: end}
    assert world.judge(anna, now=end - TICK, cause="sweep") == {anna: end}
    assert world.members("reachable") == {anna}
    assert world.judge(anna, now=end, cause="sweep") == {}
    assert world.members("reachable") == set()
    assert [stay.cause for stay in world.stays(anna)] == ["consent"]


def test_a_withdrawal_is_left_at_once(world: World) -> None:
    world.purpose("marketing")
    world.publish("reachable", {"consent": "marketing"})
    anna = world.person()
    world.consent(anna, "marketing", ledger.grant, at=START)
    world.judge(anna, now=START + seconds(1), keys=["consent:marketing"], cause="consent")
    world.consent(anna, "marketing", ledger.withdraw, at=START + seconds(2))
    world.judge(anna, now=START + seconds(3), keys=["consent:marketing"], cause="consent")
    (stay,) = world.stays(anna)
    assert (stay.left_at, stay.left_cause) == (START + seconds(3), "consent")
