"""Poison, small: none that kills its worker here, because each of its attempts costs a lease of half a minute."""

from pathlib import Path

from tests.faults import poison


def test_poison_is_parked_by_itself_the_rest_is_stored_and_replay_works_once_it_is_mended(data_folder: Path) -> None:
    outcome = poison.run(events=1_000, kills=0, folder=data_folder)

    assert not outcome.problems, str(outcome)
