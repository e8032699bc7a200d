"""Tags: put on with the stay, carried while any segment puts them, gone with the last one; told like segments."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from cdp import api_keys
from cdp.governance import lifecycle
from cdp.governance.errors import ContentInvalid
from cdp.ids import to_public
from cdp.models import AccessRecord, KeyKind, Scope, User
from profiles.identity.regrouping import Merge, MergeKind
from segments import memberships
from segments.models import Segment, Tagging
from segments.publishing import check_content
from segments.tag_section import tags
from tests.profiles.stream import one
from tests.segments.world import START, World

pytestmark = pytest.mark.django_db
GERMAN = {"trait": "country", "op": "=", "value": "DE"}
GROWN = {"trait": "age", "op": ">=", "value": 18}
LATER = START + timedelta(hours=1)


def publish(world: World, key: str, rule: dict[str, Any], tag: str | None, *, now: Any = START) -> Any:
    content = {"rule": rule, "acknowledged": ["few_people", "same_members"]} | ({"tag": tag} if tag else {})
    version = lifecycle.draft(head=world.segment(key), content=content, by=world.author, now=now)
    lifecycle.submit(version=version, by=world.author, now=now)
    lifecycle.approve(version=version, comment="fine", by=world.approver, now=now)
    return version


def carried(profile_id: int) -> list[tuple[str, list[tuple[str, int]]]]:
    """The card's tags, each with the segments and versions that put it."""
    body = one("SELECT body::text FROM card WHERE profile_id = %s AND section = 'tags'", profile_id)
    return [(entry["tag"], [(by["segment"], by["version"]) for by in entry["by"]]) for entry in json.loads(body)]


def stays(profile_id: int) -> list[tuple[str, bool]]:
    found = Tagging.objects.filter(profile_id=profile_id).order_by("id")
    return [(tagging.tag, tagging.withdrawn_at is None) for tagging in found]


def test_a_member_carries_the_tag_and_loses_it_with_the_stay(world: World) -> None:
    publish(world, "german", GERMAN, "From here")
    anna, ben = world.person(country="DE"), world.person(country="FR")
    world.judge(anna, ben, now=LATER)
    assert carried(anna) == [("From here", [("german", 1)])]
    assert stays(ben) == []
    tagging = Tagging.objects.get(profile_id=anna)
    assert (tagging.given_at, tagging.version.number, tagging.segment.key) == (LATER, 1, "german")
    world.learn(anna, country="FR")
    world.judge(anna, now=LATER + timedelta(hours=1))
    assert (carried(anna), stays(anna)) == ([], [("From here", False)])


def test_a_tag_is_carried_while_any_segment_puts_it(world: World) -> None:
    publish(world, "german", GERMAN, "Good")
    publish(world, "grown", GROWN, "Good")
    anna = world.person(country="DE")
    world.judge(anna, now=LATER)
    world.learn(anna, age=20)
    world.judge(anna, now=LATER + timedelta(minutes=1), keys=["trait:age"])
    assert carried(anna) == [("Good", [("german", 1), ("grown", 1)])]
    world.learn(anna, country="FR")
    world.judge(anna, now=LATER + timedelta(minutes=2), keys=["trait:country"])
    assert carried(anna) == [("Good", [("grown", 1)])]
    assert Tagging.objects.get(profile_id=anna).given_at == LATER  # it never went away
    world.learn(anna, age=3)
    world.judge(anna, now=LATER + timedelta(minutes=3), keys=["trait:age"])
    assert stays(anna) == [("Good", False)]


def test_one_segment_takes_over_from_another_without_a_break(world: World) -> None:
    publish(world, "german", GERMAN, "Good")
    publish(world, "french", {"trait": "country", "op": "=", "value": "FR"}, "Good")
    anna = world.person(country="DE")
    world.judge(anna, now=LATER)
    world.learn(anna, country="FR")
    world.judge(anna, now=LATER + timedelta(minutes=1))
    assert (carried(anna), stays(anna)) == ([("Good", [("french", 1)])], [("Good", True)])


def test_another_tag_in_a_new_version_replaces_the_old_with_the_backfill(world: World) -> None:
    publish(world, "german", GERMAN, "Old name")
    anna = world.person(country="DE")
    world.judge(anna, now=LATER)
    publish(world, "german", GERMAN, "New name", now=LATER + timedelta(minutes=1))
    world.judge(anna, now=LATER + timedelta(minutes=2), keys=["trait:age"])
    assert carried(anna) == [("Old name", [("german", 1)])]  # until the version reaches her
    world.backfill(now=LATER)
    assert (carried(anna), stays(anna)) == ([("New name", [("german", 2)])], [("Old name", False), ("New name", True)])
    publish(world, "german", GERMAN, None, now=LATER + timedelta(minutes=3))
    world.backfill(now=LATER)
    assert carried(anna) == []


def test_rolling_back_brings_the_tag_back(world: World) -> None:
    first = publish(world, "german", GERMAN, "Good")
    anna = world.person(country="DE")
    world.judge(anna, now=LATER)
    publish(world, "german", GERMAN, None)
    world.backfill(now=LATER)
    assert carried(anna) == []
    publish(world, "german", first.content["rule"], first.content["tag"])
    world.backfill(now=LATER)
    assert carried(anna) == [("Good", [("german", 3)])]


def test_a_retired_segment_takes_its_tags_along(world: World) -> None:
    publish(world, "german", GERMAN, "Good")
    anna = world.person(country="DE")
    world.judge(anna, now=LATER)
    world.retire("german", now=LATER)
    assert stays(anna) == [("Good", True)]
    world.backfill(now=LATER)
    assert (carried(anna), stays(anna)) == ([], [("Good", False)])


def test_after_a_merge_the_one_who_stays_carries_what_the_joined_person_earned(world: World) -> None:
    publish(world, "german", GERMAN, "Good")
    winner, loser = world.person(), world.person(country="DE")
    world.judge(winner, loser, now=LATER)
    world.merge(winner=winner, loser=loser)
    world.learn(winner, country="DE")
    memberships.merge_step(Merge(winner_id=winner, loser_id=loser, kind=MergeKind.MERGE, now=LATER))
    world.judge(winner, now=LATER + timedelta(minutes=1), cause="merge")
    assert (carried(loser), stays(loser)) == ([], [("Good", False)])
    assert carried(winner) == [("Good", [("german", 1)])]


@pytest.mark.parametrize("tag", ["", " Good", "x" * 101, 5, None, ["Good"], "a\nb"])
def test_a_tag_is_a_short_name(world: World, tag: object) -> None:
    with pytest.raises(ContentInvalid, match='"tag" is a name'):
        check_content({"rule": GERMAN, "tag": tag})


def test_the_section_tells_tags_with_their_rules_and_since_when(world: World) -> None:
    publish(world, "german", GERMAN, "Good")
    anna = world.person(country="DE")
    world.judge(anna, now=LATER)
    (row,) = tags(anna, LATER).rows
    assert (row["tag"], row["given_at"]) == ("Good", LATER)
    assert row["by"] == [{"segment": "german", "version": 1, "entered_at": LATER}]


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_read_tells_tags_and_withholds_them_like_segments(committed_world: World) -> None:
    world = committed_world
    publish(world, "german", GERMAN, "Loyal Customer")
    anna = world.person(country="DE")
    world.judge(anna, now=LATER)
    world.purpose("marketing")
    told = _read(anna, purpose="", include="tags,segments")
    assert "tags" not in told
    assert {one["field"] for one in told["withheld"]} >= {"tags", "segments"}
    world.purpose("service", legal_basis="contract")
    told = _read(anna, purpose="service", include="tags")
    (entry,) = told["tags"]
    assert (entry["tag"], entry["by"][0]["segment"], entry["by"][0]["version"]) == ("Loyal Customer", "german", 1)
    assert {one["field"] for one in _read(anna, purpose="marketing", include="tags")["withheld"]} >= {"tags"}


def _read(profile_id: int, *, purpose: str, include: str) -> dict[str, Any]:
    now = timezone.now()
    _, token = api_keys.issue(
        kind=KeyKind.SECRET, name=f"app {now}", scopes=[Scope.PROFILES_READ], purpose=purpose, by=None, now=now
    )
    headers = {"Authorization": f"Bearer {token}"}
    return Client().get(f"/v1/profiles/id:{to_public(profile_id)}", {"include": include}, headers=headers).json()


@pytest.fixture
def admin() -> Client:
    user = User.objects.create_user("vera", is_staff=True)
    user.groups.add(Group.objects.get(name="viewer"))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_the_list_is_searched_by_tag_and_says_whose_were_shown(world: World, admin: Client) -> None:
    publish(world, "german", GERMAN, "Loyal Customer")
    publish(world, "grown", GROWN, "Grown")
    anna, ben = world.person(country="DE"), world.person(age=40)
    world.judge(anna, ben, now=LATER)
    page = admin.get("/admin/segments/tagging/", {"q": "Loyal Customer"}).content.decode()
    assert "Loyal Customer" in page and "German, version 1" in page and "Grown, version 1" not in page
    assert AccessRecord.objects.filter(action="segment.tags").exists()
    assert "Grown, version 1" in admin.get("/admin/segments/tagging/").content.decode()
    assert Segment.objects.count() == 2
