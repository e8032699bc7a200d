"""The upgrade from the release before, small."""

from pathlib import Path

import pytest

from tests.faults import upgrade


def test_data_of_the_release_before_is_migrated_and_answers_right(data_folder: Path) -> None:
    data_folder.mkdir()
    data_folder.chmod(0o755)
    try:
        outcome = upgrade.run(events=600, folder=data_folder)
    except (upgrade.NoHistory, FileNotFoundError) as missing:
        pytest.skip(f"No release to upgrade from: {missing}")

    assert not outcome.problems, str(outcome)
