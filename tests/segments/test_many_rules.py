"""More rules than one statement can judge: the lane judges them in sets, and no publication can stop it."""

from typing import Any

import pytest
from django.db.transaction import atomic

from cdp.governance.errors import ContentInvalid
from segments import lane_statement, memberships, rulebook
from segments.models import Segment
from tests.segments.world import START, World, seconds

TRIAL = {"trait": "trial_ends", "op": "within_last", "value": "1m"}


def _older(*, than: int) -> dict[str, Any]:
    return {"trait": "age", "op": ">", "value": than}


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Statements of two rules of one leaf each."""
    monkeypatch.setattr(rulebook, "_COLUMNS_PER_STATEMENT", 8)


@pytest.mark.usefixtures("narrow")
def test_rules_beyond_one_statement_are_judged_in_sets(world: World) -> None:
    anna = world.person(age=3, trial_ends=START.isoformat())
    for number in range(5):
        world.publish(f"over-{number}", _older(than=number))
    world.publish("ended", TRIAL)
    assert len(list(rulebook.current().sets(rulebook.current().everything))) > 2
    due = world.judge(anna, now=START + seconds(1))
    entries, until = world.card(anna)
    assert [entry["key"] for entry in entries] == ["ended", "over-0", "over-1", "over-2"]
    assert due[anna] == until == START + seconds(60)
    assert memberships.recompute_differences(now=START + seconds(1)) == ()
    world.learn(anna, age=1)
    world.judge(anna, now=START + seconds(61))
    entries, until = world.card(anna)
    assert ([entry["key"] for entry in entries], until) == (["over-0"], None)
    assert memberships.recompute_differences(now=START + seconds(61)) == ()


@pytest.mark.usefixtures("narrow")
def test_a_retired_segment_is_left_where_the_rest_is_judged_in_sets(world: World) -> None:
    anna = world.person(age=9)
    for number in range(5):
        world.publish(f"over-{number}", _older(than=number))
    world.backfill()
    world.retire("over-1")
    world.backfill()
    assert world.members("over-1") == set()
    assert [entry["key"] for entry in world.card(anna)[0]] == ["over-0", "over-2", "over-3", "over-4"]
    assert memberships.recompute_differences(now=START) == ()


def test_an_approval_that_would_stop_the_lanes_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the reason: what the database will not plan for the lanes does not go live."""
    anna = world.person(age=9)
    world.publish("adults", _older(than=1))
    monkeypatch.setattr(lane_statement, "_ARGUMENTS", 200)
    with pytest.raises(ContentInvalid, match="together cannot be judged: cannot pass more than"), atomic():
        world.publish("wide", {"any": [_older(than=number) for number in range(140)]})
    assert Segment.objects.filter(key="wide", live_version__isnull=False).count() == 0
    world.judge(anna, now=START)
    assert world.members("adults") == {anna}
