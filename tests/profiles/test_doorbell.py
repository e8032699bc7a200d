"""The doorbell never fails and never waits, strikes after a burst, and leaves a silent Redis alone."""

import threading
import time

import pytest

from profiles.ingest import doorbell
from profiles.ingest.doorbell import Bell


def test_a_burst_is_a_few_strokes() -> None:
    strokes: list[float] = []
    bell = Bell(lambda: strokes.append(time.monotonic()))

    until = time.monotonic() + 0.1
    while time.monotonic() < until:
        bell.ring()
    time.sleep(2 * doorbell.PAUSE_SECONDS)

    assert 1 <= len(strokes) <= 8


def test_a_ring_while_striking_is_not_lost() -> None:
    entered, leave, second = threading.Event(), threading.Event(), threading.Event()

    def strike() -> None:
        if entered.is_set():
            second.set()
        entered.set()
        leave.wait(2)

    bell = Bell(strike)
    bell.ring()
    assert entered.wait(2)
    bell.ring()
    leave.set()

    assert second.wait(2)


@pytest.mark.parametrize("error", [OSError("gone"), doorbell.OperationalError("gone")])
def test_a_dead_redis_costs_the_ringer_nothing_and_is_tried_again_only_after_a_pause(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(doorbell, "PAUSE_AFTER_FAILURE_SECONDS", 0.2)
    strokes: list[float] = []
    twice = threading.Event()

    def strike() -> None:
        strokes.append(time.monotonic())
        if len(strokes) == 2:
            twice.set()
        raise error

    bell = Bell(strike)
    bell.ring()
    while not strokes:
        time.sleep(0.001)
    started = time.monotonic()
    for _ in range(1000):
        bell.ring()
    assert time.monotonic() - started < 0.15

    assert twice.wait(2)
    assert strokes[1] - strokes[0] >= 0.2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bell_that_broke_rings_again() -> None:
    strokes: list[float] = []

    def strike() -> None:
        strokes.append(time.monotonic())
        if len(strokes) == 1:
            raise SystemExit  # ends the thread, without a word from pytest

    bell = Bell(strike)
    until = time.monotonic() + 2
    while len(strokes) < 2 and time.monotonic() < until:
        bell.ring()
        time.sleep(0.005)

    assert len(strokes) >= 2
