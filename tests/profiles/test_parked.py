"""Parked requests and people: told in the admin with what to do, and taken up again once the cause is mended."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from cdp.models import AccessRecord
from cdp.roles import Role
from profiles import lanes
from profiles.ingest import accounting, dialects, pipeline
from profiles.models import InboxRow, ParkedTouch, Profile
from tests.profiles.stream import one, rows, send, track, work
from tests.profiles.test_admin import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
REQUESTS = "/admin/profiles/inboxrow/"
PEOPLE = "/admin/profiles/parkedtouch/"


@pytest.fixture
def parked_requests(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Two of three requests are parked; the returned patch holds what makes them fail."""
    original = dialects.events

    def explode(row):
        if b"poison" in bytes(row.body):
            raise ZeroDivisionError("told to nobody")
        return original(row)

    monkeypatch.setattr(dialects, "events", explode)
    for name in ("poison", "Product Viewed", "poison"):
        send([track(name, userId=f"u-{name}")])
    for _ in range(20):
        pipeline.claim_once()
    assert one("SELECT count(*) FROM inbox WHERE state = 2") == 2
    return monkeypatch


def parked_ids() -> list[int]:
    return [number for (number,) in rows("SELECT id FROM inbox WHERE state = 2 ORDER BY id")]


def test_a_parked_request_says_what_failed_and_what_to_do(parked_requests):
    page = signed_in(Role.AUTHOR).get(f"{REQUESTS}{parked_ids()[0]}/change/").content.decode()
    assert "ZeroDivisionError" in page and "Install a release that mends it" in page and "Send through again" in page


def test_a_request_whose_worker_died_says_so(parked_requests):
    rows("UPDATE inbox SET error = 'The worker died with it, every time.' WHERE state = 2 RETURNING 1")
    page = signed_in(Role.AUTHOR).get(f"{REQUESTS}{parked_ids()[0]}/change/").content.decode()
    assert "more memory" in page


def test_one_parked_request_goes_through_again_once_the_cause_is_mended(parked_requests):
    first, second = parked_ids()
    parked_requests.undo()
    assert signed_in(Role.AUTHOR).post(f"{REQUESTS}{first}/take-up/").status_code == 302
    work()
    assert parked_ids() == [second]
    assert one("SELECT stored FROM inbox WHERE id = %s", first) == 1
    record = AccessRecord.objects.get(action="request.replay")
    assert record.basis == {"requests": [first], "count": 1}


def test_all_parked_requests_go_through_again_at_once(parked_requests):
    parked_requests.undo()
    client = signed_in(Role.ADMINISTRATOR)
    assert "Send all parked requests through again" in client.get(REQUESTS).content.decode()
    client.post(f"{REQUESTS}take-up/")
    work()
    totals = accounting.totals()
    assert (totals.stored, totals.parked, totals.pending) == (3, 0, 0)
    assert "Send all parked requests" not in client.get(REQUESTS).content.decode()


def test_selected_parked_requests_go_through_again(parked_requests):
    parked_requests.undo()
    chosen = {"action": "take_up_selected", "_selected_action": [str(parked_ids()[1])]}
    signed_in(Role.AUTHOR).post(REQUESTS, chosen)
    work()
    assert one("SELECT count(*) FROM inbox WHERE state = 2") == 1


def test_what_fails_once_more_is_parked_once_more_after_as_many_attempts(parked_requests):
    signed_in(Role.AUTHOR).post(f"{REQUESTS}take-up/")
    for _ in range(20):
        pipeline.claim_once()
    assert rows("SELECT attempts FROM inbox WHERE state = 2") == [(5,), (5,)]


@pytest.mark.parametrize("roles", [(Role.VIEWER,), (Role.COMPLIANCE,)])
def test_who_may_only_look_takes_nothing_up(parked_requests, roles):
    client = signed_in(*roles)
    assert client.post(f"{REQUESTS}take-up/").status_code == 403
    assert client.post(f"{REQUESTS}{parked_ids()[0]}/take-up/").status_code == 403
    assert "Send through again" not in client.get(f"{REQUESTS}{parked_ids()[0]}/change/").content.decode()
    assert len(parked_ids()) == 2


def test_a_request_that_is_done_is_not_taken_up(parked_requests):
    done = InboxRow.objects.get(state=1)
    signed_in(Role.AUTHOR).post(f"{REQUESTS}{done.pk}/take-up/")
    assert InboxRow.objects.get(pk=done.pk).state == 1
    assert (
        "Send through again" not in signed_in(Role.ADMINISTRATOR).get(f"{REQUESTS}{done.pk}/change/").content.decode()
    )


@pytest.fixture
def parked_person(settings) -> Profile:
    send([track(userId="u1")])
    work()
    profile = Profile.objects.get()
    ParkedTouch.objects.create(
        profile_id=profile.pk, keys=["*"], cause="event", error="ZeroDivisionError", parked_at=datetime.now(UTC)
    )
    return profile


@pytest.fixture
def author() -> Client:
    return signed_in(Role.AUTHOR)


def test_a_parked_person_is_listed_with_the_error_and_tried_again_at_once(parked_person, author):
    page = author.get(PEOPLE).content.decode()
    assert "ZeroDivisionError" in page and "Try all of them again now" in page
    before = parked_person.revision
    author.post(f"{PEOPLE}try-again/")
    assert not ParkedTouch.objects.exists()
    while lanes.run_once():
        pass
    parked_person.refresh_from_db()
    assert parked_person.revision > before
    assert AccessRecord.objects.get(action="evaluation.replay").profile_id == parked_person.pk


def test_a_selected_parked_person_is_tried_again(parked_person, author):
    chosen = {"action": "try_selected_again", "_selected_action": [str(ParkedTouch.objects.get().pk)]}
    author.post(PEOPLE, chosen)
    assert not ParkedTouch.objects.exists()


def test_a_viewer_sees_parked_people_and_cannot_try_them_again(parked_person):
    client = signed_in(Role.VIEWER)
    assert "ZeroDivisionError" in client.get(PEOPLE).content.decode()
    assert client.post(f"{PEOPLE}try-again/").status_code == 403
    assert ParkedTouch.objects.exists()
