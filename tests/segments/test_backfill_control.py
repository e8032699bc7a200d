"""How far a backfill has come, calling it off, and what every answer says of it meanwhile."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from cdp.ids import to_public
from cdp.models import AccessRecord, Scope
from segments import backfill, backfill_control, freshness
from segments.freshness import Freshness
from segments.models import EpochStatus, Membership, RuleEpoch
from tests.segments.test_api import client_of, key_for
from tests.segments.test_backfill import _Running as Running
from tests.segments.world import START, World

GERMAN = {"trait": "country", "op": "=", "value": "DE"}
FRENCH = {"trait": "country", "op": "=", "value": "FR"}


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "PEOPLE_PER_CHUNK", 3)


def started(world: World, *, people: int = 7) -> list[int]:
    """Everybody is in by version 1; version 2 has judged the first chunk, who are out by it."""
    found = [world.person(country="DE") for _ in range(people)]
    world.publish("europeans", GERMAN)
    world.backfill()
    world.publish("europeans", FRENCH)
    backfill.advance(now=START)
    return found


def progress(world: World, *, seconds: float = 0) -> backfill_control.Progress:
    told = backfill_control.progress(segment_id=world.segment("europeans").pk, now=START + timedelta(seconds=seconds))
    assert told is not None
    return told


def test_it_tells_how_many_of_how_many_how_fast_and_until_when(world: World) -> None:
    started(world)
    told = progress(world, seconds=6)
    assert (told.status, told.version, told.judged, told.people, told.percent) == (Freshness.BACKFILLING, 2, 3, 7, 42)
    assert told.per_second == pytest.approx(0.5)
    assert told.expected_at == START + timedelta(seconds=6 + 8)
    world.backfill()
    done = progress(world)
    assert (done.status, done.judged, done.percent, done.expected_at) == (Freshness.READY, 7, 100, None)


def test_people_born_meanwhile_make_it_no_more_than_complete(world: World) -> None:
    started(world)
    for _ in range(5):
        world.person(country="FR")
    backfill.advance(now=START)
    backfill.advance(now=START)
    backfill.advance(now=START)
    told = progress(world)
    assert (told.judged, told.people, told.percent) == (7, 7, 99)
    world.backfill()
    assert progress(world).status is Freshness.READY


def test_the_old_membership_stands_until_a_person_is_judged_anew(world: World) -> None:
    people = started(world)
    assert world.members("europeans") == set(people[3:])
    world.backfill()
    assert world.members("europeans") == set()


def test_called_off_it_stays_as_it_is_and_answers_are_stale(world: World) -> None:
    people = started(world)
    backfill_control.cancel(segment=world.segment("europeans"), by=world.approver, now=START)
    assert not backfill.advance(now=START)
    assert world.members("europeans") == set(people[3:])
    told = progress(world)
    assert (told.status, told.cancelled_by, told.expected_at) == (Freshness.STALE, "grace", None)
    assert AccessRecord.objects.get(action="segment.backfill.cancel").basis["judged"] == 3


def test_whoever_is_touched_after_that_is_judged_by_the_live_version(world: World) -> None:
    people = started(world)
    backfill_control.cancel(segment=world.segment("europeans"), by=world.approver, now=START)
    world.judge(people[-1], now=START + timedelta(seconds=1))
    assert world.members("europeans") == set(people[3:-1])


def test_taken_up_again_it_goes_on_behind_the_last_person(world: World) -> None:
    started(world)
    segment = world.segment("europeans")
    backfill_control.cancel(segment=segment, by=world.approver, now=START)
    backfill_control.resume(segment=segment, by=world.approver, now=START)
    assert progress(world).judged == 3
    world.backfill()
    assert (world.members("europeans"), progress(world).status) == (set(), Freshness.READY)
    assert Membership.objects.count() == 7


def test_only_those_who_decide_call_it_off_and_only_one_that_runs(world: World) -> None:
    started(world)
    segment = world.segment("europeans")
    with pytest.raises(backfill_control.NotAllowed):
        backfill_control.cancel(segment=segment, by=world.author, now=START)
    world.backfill()
    with pytest.raises(backfill_control.NothingToDo):
        backfill_control.cancel(segment=segment, by=world.approver, now=START)
    with pytest.raises(backfill_control.NothingToDo):
        backfill_control.resume(segment=segment, by=world.approver, now=START)


def test_an_edit_in_mid_backfill_supersedes_it(world: World) -> None:
    people = started(world)
    world.publish("europeans", GERMAN)
    assert (progress(world).version, progress(world).judged) == (3, 0)
    world.backfill()
    assert world.members("europeans") == set(people)
    assert [row.status for row in RuleEpoch.objects.order_by("epoch")] == [
        EpochStatus.READY,
        EpochStatus.BACKFILLING,
        EpochStatus.READY,
    ]


def test_an_edit_supersedes_one_that_was_called_off(world: World) -> None:
    people = started(world)
    backfill_control.cancel(segment=world.segment("europeans"), by=world.approver, now=START)
    world.publish("europeans", GERMAN)
    world.backfill()
    assert (world.members("europeans"), progress(world).status) == (set(people), Freshness.READY)


def test_an_edit_waits_for_a_lane_that_is_in_the_middle_of_a_chunk_and_then_supersedes(committed_world: World) -> None:
    """The lane is paused with its chunk judged and not committed: no flip of it may stand under the epoch after it."""
    world = committed_world
    people = started(world)
    judged, go_on, published = threading.Event(), threading.Event(), threading.Event()

    def lane() -> None:
        with transaction.atomic():
            assert backfill.advance(now=START)
            judged.set()
            assert go_on.wait(20)

    def editor() -> None:
        world.publish("europeans", GERMAN)
        published.set()

    running = [Running(lane)]
    assert judged.wait(20)
    running.append(Running(editor))
    assert not published.wait(0.5), "the edit must wait for the lane"
    go_on.set()
    for thread in running:
        thread.finish()
    assert progress(world).version == 3
    world.backfill()
    assert world.members("europeans") == set(people)
    assert [row.status for row in RuleEpoch.objects.order_by("epoch")] == ["ready", "backfilling", "ready"]
    second = Membership.objects.filter(left_version__number=2)
    assert {stay.profile_id for stay in second} == set(people[:6])


# -- what answers say -----------------------------------------------------------------------------------------------
@pytest.fixture
def app(world: World) -> APIClient:
    world.purpose("service", legal_basis="contract")
    return key_for(world, scopes=(Scope.SEGMENTS_READ, Scope.PROFILES_READ))


def answers(app: APIClient, person: int) -> dict[str, Any]:
    freshness.forget()
    profile = app.get(f"/v1/profiles/id:{to_public(person)}").json()
    flag = app.post(
        "/ofrep/v1/evaluate/flags/segment.europeans", {"context": {"targetingKey": f"id:{to_public(person)}"}}, "json"
    ).json()
    return {
        "profile": profile["unsettled"].get("europeans", "ready"),
        "members": app.get("/v1/segments/europeans/members").json()["status"],
        "why": app.get(f"/v1/profiles/id:{to_public(person)}/segments/europeans/why").json()["status"],
        "segment": app.get("/v1/segments/europeans").json()["freshness"],
        "days": app.get("/v1/segments/europeans/days").json()["status"],
        "backfill": app.get("/v1/segments/europeans/backfill").json()["status"],
        "flag": flag["metadata"]["status"],
    }


def test_every_answer_says_ready_backfilling_or_stale(committed_world: World) -> None:
    """Committed, because reads by keys have a connection of their own."""
    world = committed_world
    world.purpose("service", legal_basis="contract")
    app = key_for(world, scopes=(Scope.SEGMENTS_READ, Scope.PROFILES_READ))
    people = started(world)
    assert set(answers(app, people[-1]).values()) == {"backfilling"}
    backfill_control.cancel(segment=world.segment("europeans"), by=world.approver, now=START)
    assert set(answers(app, people[-1]).values()) == {"stale"}
    backfill_control.resume(segment=world.segment("europeans"), by=world.approver, now=START)
    world.backfill()
    assert set(answers(app, people[-1]).values()) == {"ready"}


def test_a_person_calls_it_off_over_rest_and_a_key_does_not(world: World, app: APIClient) -> None:
    started(world)
    address = "/v1/segments/europeans/backfill"
    assert app.post(f"{address}/cancel").json()["code"] == "person_required"
    assert client_of(world.author).post(f"{address}/cancel").json()["code"] == "role_missing"
    told = client_of(world.approver).post(f"{address}/cancel").json()
    assert (told["status"], told["judged"], told["people"], told["cancelled_by"]) == ("stale", 3, 7, "grace")
    again = client_of(world.approver).post(f"{address}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_do")
    assert client_of(world.approver).post(f"{address}/resume").json()["status"] == "backfilling"
    assert app.get("/v1/segments/nothing/backfill").status_code == 404
