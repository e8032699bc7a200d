"""Why somebody is in a segment, asked at awkward moments."""

from datetime import timedelta

import pytest
from django.utils import timezone

from profiles.models import Profile
from segments import rulebook
from segments.reasons import why
from tests.segments.world import World

GERMAN = {"trait": "country", "op": "=", "value": "DE"}


def test_a_merged_profile_is_explained_as_the_person_it_became(world: World) -> None:
    anna, phone = world.person(country="DE"), world.person()
    world.publish("germans", GERMAN)
    world.backfill()
    world.merge(winner=anna, loser=phone)
    told = why(profile_id=phone, key="germans", now=timezone.now())
    assert told is not None
    assert (told.profile_id, told.is_member) == (anna, True)


def test_nobody_is_explained_to_nobody(world: World) -> None:
    world.publish("germans", GERMAN)
    assert why(profile_id=999_999, key="germans", now=timezone.now()) is None


def test_the_rules_are_held_while_it_looks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = world.person(country="DE")
    world.publish("germans", GERMAN)
    calls: list[str] = []
    hold, current = rulebook.hold, rulebook.current
    monkeypatch.setattr(rulebook, "hold", lambda: (calls.append("hold"), hold())[1])
    monkeypatch.setattr(rulebook, "current", lambda: (calls.append("current"), current())[1])
    why(profile_id=anna, key="germans", now=timezone.now())
    assert calls[0] == "hold"


def test_it_does_not_look_at_a_moment_before_the_evaluation_it_stands_beside(world: World) -> None:
    """The window ended between the caller's clock and the lane's: the older moment would contradict the stay."""
    anna = world.person()
    asked = timezone.now()
    ends = asked + timedelta(milliseconds=50)
    world.event(anna, "Product Viewed", at=ends - timedelta(minutes=1))
    world.publish("lookers", {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 1, "within": "1m"})
    world.judge(anna, now=asked)
    later = asked + timedelta(seconds=1)
    world.judge(anna, now=later)
    Profile.objects.filter(pk=anna).update(evaluated_at=later)
    told = why(profile_id=anna, key="lookers", now=asked)
    assert told is not None
    assert (told.is_member, told.as_of) == (False, later)
