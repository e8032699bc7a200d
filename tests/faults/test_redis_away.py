"""The Redis-compatible server frozen and gone, for seconds."""

from pathlib import Path

from tests.faults import redis_away


def test_events_are_taken_as_quickly_while_redis_is_away_and_applied_when_it_is_back(data_folder: Path) -> None:
    # Longer than the ten seconds after which an acknowledgement fails: its place must not be lost with it.
    outcome = redis_away.run(seconds=12, per_second=15, folder=data_folder)

    assert not outcome.problems, str(outcome)
