"""Somebody with a long history waits for turns of their own, and nobody waits behind them."""

from datetime import datetime

import pytest

from profiles import lanes, touches
from profiles.identity import resolve
from profiles.ingest import pipeline
from profiles.lanes import LaneBatch
from profiles.turns import Turns
from tests.profiles.stream import apply, one, person, rows, send, track, work

pytestmark = pytest.mark.django_db(transaction=True)
evaluated: list[set[int]] = []


@pytest.fixture(autouse=True)
def _somebody_heavy(settings, monkeypatch) -> None:
    settings.INGEST_GATES = settings.INGEST_SCREENS = settings.MERGE_STEPS = settings.READ_GATES = []
    settings.LANE_STEPS = [f"{__name__}.remember"]
    monkeypatch.setattr(lanes, "HEAVY_EVENTS", 5)
    resolve.forget()
    apply(*[track(userId="busy") for _ in range(6)], track(userId="calm"))
    evaluated.clear()


def remember(batch: LaneBatch) -> dict[int, datetime]:
    evaluated.append(set(batch.people))
    return {}


def _rest() -> None:
    rows("UPDATE profile SET evaluated_at = clock_timestamp() - interval '2 seconds' RETURNING 1")


def _both_come() -> tuple[int, int]:
    send([track(userId="busy"), track(userId="calm")])
    while pipeline.claim_once():
        pass
    return person("user_id", "busy"), person("user_id", "calm")


def test_an_ordinary_turn_leaves_the_heavy_out_and_theirs_takes_nobody_else() -> None:
    busy, calm = _both_come()
    lanes.run_once()
    assert evaluated == [{calm}]
    _rest()
    lanes.run_heavy()
    assert evaluated == [{calm}, {busy}]
    assert one("SELECT event_count FROM profile WHERE id = %s", busy) == 7
    assert one("SELECT count(*) FROM touched") == 0


def test_however_often_they_are_touched_they_are_evaluated_once_and_then_rest() -> None:
    _rest()
    for _ in range(5):
        busy, _ = _both_come()
        work()
    assert lanes.run_heavy() >= 5
    assert [people for people in evaluated if busy in people] == [{busy}]
    _both_come()
    assert lanes.run_heavy() == 0
    _rest()
    assert lanes.run_heavy() > 0
    assert one("SELECT event_count FROM profile WHERE id = %s", busy) == 12


def test_a_reader_does_not_wait_for_their_turn() -> None:
    busy, _ = _both_come()
    lanes.refresh(busy)
    assert evaluated == [{busy}]
    assert one("SELECT count(*) FROM touched WHERE profile_id = %s", busy) == 0


def test_a_turn_takes_no_more_than_so_many_events_but_always_somebody(monkeypatch) -> None:
    monkeypatch.setattr(touches, "EVENTS_PER_HEAVY_TURN", 1)
    apply(*[track(userId="busier") for _ in range(9)])
    send([track(userId="busy"), track(userId="busier")])
    while pipeline.claim_once():
        pass
    _rest()
    evaluated.clear()
    lanes.run_heavy()
    lanes.run_heavy()
    assert sorted(map(len, evaluated)) == [1, 1]


def test_heavy_people_have_a_quarter_of_the_time() -> None:
    """Their turn takes from 0 s to 1 s: the next may begin at 4 s."""
    moments = iter([0.0, 1.0, 2.0, 4.0, 4.0])
    turns = Turns(clock=lambda: next(moments))
    busy, _ = _both_come()
    _rest()
    turns.take(claimed=0)
    assert turns.heavy_from == 4.0
    _both_come()
    _rest()
    turns.take(claimed=0)
    assert [people for people in evaluated if busy in people] == [{busy}]
    turns.take(claimed=0)
    assert [people for people in evaluated if busy in people] == [{busy}] * 2
