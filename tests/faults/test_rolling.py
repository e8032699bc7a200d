"""Every process replaced under load, then everything stopped and started: one part each of the proof."""

from pathlib import Path

from tests.faults import rolling


def test_replacing_and_stopping_processes_under_load_loses_nothing(data_folder: Path) -> None:
    parts = ("SIGHUP, every process replaced", "SIGTERM to everything")

    outcome = rolling.run(per_second=10, folder=data_folder, parts=parts)

    assert not outcome.problems, str(outcome)
