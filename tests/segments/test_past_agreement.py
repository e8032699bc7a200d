"""Why at a past time, held against what was frozen then: for flips at random, and for random people, segments, times.

`CDP_PAST_STEPS`, `CDP_PAST_FLIPS` and `CDP_PAST_TIMES` make it large: 1500, 1000 and 1000 take some ten minutes.
"""

import os
import random
from datetime import datetime

import pytest

from profiles.identity import resolve
from segments.models import Membership
from segments.past_reasons import Asked, NotThen, why_at
from segments.standpoint import Known
from tests.profiles.stream import rows
from tests.segments.agreement import compare, flips
from tests.segments.past_traffic import RULES, Traffic, clock, settle
from tests.segments.world import World

STEPS = int(os.environ.get("CDP_PAST_STEPS", "100"))
FLIPS = int(os.environ.get("CDP_PAST_FLIPS", "120"))
TIMES = int(os.environ.get("CDP_PAST_TIMES", "120"))
SEED = int(os.environ.get("CDP_PAST_SEED", "20260303"))
_PEOPLE = max(6, STEPS // 12)
#: Its windows end by themselves while a checkpoint is looked at.
_TIMELESS = sorted(set(RULES) - {"moments"})


def test_it_equals_the_frozen_evidence_and_the_memberships(committed_world: World) -> None:
    traffic = Traffic(committed_world, people=_PEOPLE, seed=SEED)
    checkpoints: list[datetime] = []
    for number in range(STEPS):
        traffic.step()
        if number % 12 == 11:
            traffic.publish()
        if number % 5 == 4:
            settle()
            checkpoints.append(clock())
    draw = random.Random(SEED)
    _flips_agree(draw)
    _times_agree(draw, checkpoints)


def _flips_agree(draw: random.Random) -> None:
    known = flips()
    assert len(known) >= FLIPS, f"only {len(known)} flips: more steps are needed"
    assert [told for flip in draw.sample(known, FLIPS) if (told := compare(flip))] == []
    causes = set(Membership.objects.values_list("cause", flat=True)) | set(
        Membership.objects.exclude(left_cause=None).values_list("left_cause", flat=True)
    )
    assert {"event", "merge", "sweep", "consent", "backfill", "version"} <= causes, causes


def _times_agree(draw: random.Random, checkpoints: list[datetime]) -> None:
    people = [profile for (profile,) in rows("SELECT id FROM profile ORDER BY id")]
    compared = 0
    while compared < TIMES:
        profile_id, key, at = draw.choice(people), draw.choice(_TIMELESS), draw.choice(checkpoints)
        try:
            told = why_at(origin_id=profile_id, key=key, asked=Asked(at))
        except NotThen:
            continue  # not born yet
        stays = Membership.objects.filter(profile_id=told.profile_id, segment__key=key, entered_at__lte=at)
        stood = any(stay.left_at is None or stay.left_at > at for stay in stays)
        assert told.is_member == stood, f"{profile_id} in {key} at {at}"
        assert told.known is Known.THEN
        compared += 1


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    """Nothing of another test's database is remembered."""
    resolve.forget()
