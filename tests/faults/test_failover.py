"""The failover drill, small."""

from pathlib import Path

from tests.faults import failover


def test_a_promoted_standby_goes_on_without_a_restart_and_without_losing_what_was_acknowledged(
    data_folder: Path,
) -> None:
    outcome = failover.run(seconds=4, per_second=15, folder=data_folder)

    assert not outcome.problems, str(outcome)
