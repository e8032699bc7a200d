"""The fault run, small: one seed here, `CDP_FAULT_SEEDS=1,2,3` or `python -m tests.faults.run` for more.

With seed 9 the workers are killed first, so that their leases run out while the other faults happen.
"""

import os

import pytest

from tests.faults.run import SHORT, Size, run

SEEDS = [int(seed) for seed in os.environ.get("CDP_FAULT_SEEDS", "9").split(",")]
SIZE = Size(events=8_000, people=300, faults=SHORT.faults)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_or_doubled_and_everybody_is_right_after_kills(seed, tmp_path):
    outcome = run(seed=seed, size=SIZE, folder=tmp_path)
    assert not outcome.problems, str(outcome)
    assert outcome.faults == SIZE.faults
