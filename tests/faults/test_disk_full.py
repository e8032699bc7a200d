"""A small disk runs full; only root may make one."""

from pathlib import Path

import pytest

from tests.faults import disk_full


def test_nothing_is_acknowledged_without_a_row_and_room_is_all_it_needs(data_folder: Path) -> None:
    try:
        outcome = disk_full.run(folder=data_folder, megabytes=400, per_second=15, full_for=5)
    except disk_full.NotPermitted as refusal:
        pytest.skip(str(refusal))

    assert not outcome.problems, str(outcome)
