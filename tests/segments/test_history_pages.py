"""The pages about what became of a segment: who may see them, what they show, and that a look is recorded."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cdp.ids import to_public
from cdp.models import AccessRecord, User
from segments import backfill
from segments.models import EpochStatus, RuleEpoch
from tests.segments.world import World

GERMAN = {"trait": "country", "op": "=", "value": "DE"}
LOOKED = {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 1, "within": "7d"}


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(client: Client, address: str) -> str:
    answer = client.get(f"/admin/segments/segment/{address}")
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode()


@pytest.fixture
def lived(world: World) -> tuple[World, int]:
    ann = world.person(country="DE")
    world.event(ann, "Product Viewed", at=timezone.now() - timedelta(hours=1))
    world.publish("germans", {"all": [GERMAN, LOOKED]}, now=timezone.now() - timedelta(days=2))
    world.judge(ann, now=timezone.now() - timedelta(minutes=5))
    world.backfill(now=timezone.now())
    return world, ann


def test_the_segments_page_tells_sizes_flips_and_versions_with_their_table(lived: Any) -> None:
    world, _ = lived
    told = page(signed_in(world.author), f"{world.segment('germans').pk}/change/")
    assert "People over time" in told and "cdp-plot-line" in told and "The same in numbers" in told
    assert "v1" in told
    today = datetime.now(UTC).date().isoformat()
    assert f"/germans/who/?on={today}" in told
    assert "Everybody was judged by it" in told


def test_a_segment_that_never_was_live_has_a_page_as_well(world: World) -> None:
    told = page(signed_in(world.author), f"{world.segment('planned').pk}/change/")
    assert "Nobody was in it in this period." in told


def test_who_was_in_on_a_day_is_listed_and_recorded(lived: Any) -> None:
    world, ann = lived
    today = datetime.now(UTC).date()
    told = page(signed_in(world.author), f"germans/who/?on={today.isoformat()}")
    assert to_public(ann) in told
    record = AccessRecord.objects.get(action="segment.members")
    assert (record.profile_id, record.basis) == (ann, {"on": today.isoformat()})
    before = page(signed_in(world.author), f"germans/who/?on={(today - timedelta(days=9)).isoformat()}")
    assert "Nobody was in it on that day." in before


@pytest.mark.parametrize(
    "address", ["germans/who/?on=nonsense&after=x-y", "overview/?days=5", "germans/who/?after=1-1"]
)
def test_an_address_nobody_here_wrote_shows_a_page(lived: Any, address: str) -> None:
    world, _ = lived
    page(signed_in(world.author), address)


def test_the_pages_of_a_day_lead_to_the_next(lived: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world, ann = lived
    others = [world.person(country="DE") for _ in range(4)]
    for person in others:
        world.event(person, "Product Viewed", at=timezone.now() - timedelta(hours=1))
    world.judge(*others, now=timezone.now())
    monkeypatch.setattr("segments.history_pages._PEOPLE_PER_PAGE", 2)
    address, listed = "germans/who/", []
    while address:
        told = page(signed_in(world.author), address)
        listed += [to_public(person) for person in (ann, *others) if to_public(person) in told]
        _, _, more = told.partition('rel="next" href="')
        address = "germans/who/" + more.partition('"')[0].replace("&amp;", "&") if more else ""
    assert listed == [to_public(person) for person in (ann, *others)]


def test_all_segments_stand_together_with_whom_they_share(lived: Any) -> None:
    world, _ = lived
    world.publish("lookers", LOOKED)
    world.backfill(now=timezone.now())
    told = page(signed_in(world.author), "overview/")
    assert "Whom they share" in told
    assert told.count("<strong>100 %</strong>") == 4


def test_why_on_the_persons_page_tells_events_and_what_would_have_to_change(lived: Any) -> None:
    world, ann = lived
    told = page(signed_in(world.author), f"germans/why/{ann}/")
    assert "a member" in told and "1 event behind it" in told
    assert "the least that would have to change is one of" in told
    ben = world.person(country="FR")
    told = page(signed_in(world.author), f"germans/why/{ben}/")
    assert "not a member" in told
    assert told.count("would have to change</span>") == 2
    assert AccessRecord.objects.filter(action="profile.why", profile_id=ben).exists()


@pytest.mark.parametrize("at", ["nonsense", "2999-01-01T00:00:00"])
def test_a_moment_that_is_none_of_the_past_is_said_to_be_none(lived: Any, at: str) -> None:
    world, ann = lived
    assert "That is no moment of the past" in page(signed_in(world.author), f"germans/why/{ann}/?at={at}")


def test_why_at_a_moment_before_anything_was_live_says_so(lived: Any) -> None:
    world, ann = lived
    told = page(signed_in(world.author), f"germans/why/{ann}/?at=2020-01-01T00:00:00&known=today")
    assert "No version of this segment was live at that moment." in told


def test_an_approver_calls_a_backfill_off_and_takes_it_up_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "PEOPLE_PER_CHUNK", 1)
    for _ in range(3):
        world.person(country="DE")
    world.publish("germans", GERMAN)
    backfill.advance(now=timezone.now())
    address = f"{world.segment('germans').pk}/change/"
    assert "Call it off" not in page(signed_in(world.author), address)
    approver = signed_in(world.approver)
    assert "Call it off" in page(approver, address)
    approver.post("/admin/segments/segment/germans/backfill/cancel/")
    assert RuleEpoch.objects.get().status == EpochStatus.CANCELLED
    assert "Take it up again" in page(approver, address)
    approver.post("/admin/segments/segment/germans/backfill/resume/")
    assert RuleEpoch.objects.get().status == EpochStatus.BACKFILLING
    signed_in(world.author).post("/admin/segments/segment/germans/backfill/cancel/")
    assert RuleEpoch.objects.get().status == EpochStatus.BACKFILLING


@pytest.mark.parametrize("address", ["germans/who/", "overview/", "germans/why/1/"])
def test_nobody_without_a_role_sees_them(lived: Any, address: str) -> None:
    stranger = User.objects.create_user("nobody", is_staff=True)
    assert signed_in(stranger).get(f"/admin/segments/segment/{address}").status_code == 403
