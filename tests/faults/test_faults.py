"""The fault run, small: one seed here, `CDP_FAULT_SEEDS=1,2,3` or `python -m tests.faults.run` for more."""

import os

import pytest

from tests.faults.run import run

SEEDS = [int(seed) for seed in os.environ.get("CDP_FAULT_SEEDS", "1").split(",")]
EVENTS = int(os.environ.get("CDP_FAULT_EVENTS", "20000"))


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_or_doubled_and_every_membership_is_right_after_kills(seed, tmp_path):
    outcome = run(seed=seed, events=EVENTS, folder=tmp_path)
    assert not outcome.problems, str(outcome)
    assert all(count >= 2 for count in outcome.faults.values()) and len(outcome.faults) == 4
