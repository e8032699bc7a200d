"""An event comes in, a governed segment goes out, an app reads it with its reasons; and the rule needed two people."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from segments.models import Membership
from tests.journeys.rest import approved, eventually, known, person, seen, segments_of, send, submitted
from tests.running import Running

GERMANS = {"trait": "country", "op": "=", "value": "DE"}
WINDOW = 4
LOOKING = {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 2, "within": f"{WINDOW}s"}


@pytest.fixture(autouse=True)
def _database(django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def app(running: Running) -> httpx.Client:
    return running.client(running.read_key)


def go_live(running: Running, key: str, rule: dict[str, Any]) -> None:
    author, approver = person(running, "author"), person(running, "approver")
    version = submitted(author, key, rule)
    own = author.post(f"/v1/governance/segments/{key}/versions/1/approve", json={"comment": "mine"})
    assert (own.status_code, own.json()["code"]) == (403, "not_allowed")
    approved(approver, key, version)


def test_a_rule_that_a_second_person_approved_reaches_the_people_already_there(
    running: Running, app: httpx.Client
) -> None:
    send(running, known("journey-anna", country="DE"), known("journey-ben", country="FR"))
    assert eventually(lambda: app.get("/v1/profiles/user_id:journey-ben").status_code == 200)
    go_live(running, "germans", GERMANS)
    entry = eventually(lambda: segments_of(app, "journey-anna").get("germans"))
    assert entry["version"] == 1
    assert eventually(lambda: app.get("/v1/segments/germans").json()["status"] == "ready")
    assert "germans" not in segments_of(app, "journey-ben")
    members = app.get("/v1/segments/germans/members").json()["members"]
    assert app.get("/v1/profiles/user_id:journey-anna").json()["id"] in {member["id"] for member in members}
    told = app.get("/v1/profiles/user_id:journey-anna/segments/germans/why").json()
    assert (told["is_member"], told["explanation"]["observed"]) == (True, "DE")
    assert told["approved"]["comment"] == "good"
    against = app.get("/v1/profiles/user_id:journey-ben/segments/germans/why").json()
    assert (against["is_member"], against["explanation"]["observed"]) == (False, "FR")


def test_a_window_is_entered_by_its_event_and_left_within_two_seconds_of_its_end(
    running: Running, app: httpx.Client
) -> None:
    send(running, known("journey-cleo", country="DE"), seen("journey-cleo"))
    go_live(running, "looking", LOOKING)
    assert eventually(lambda: app.get("/v1/segments/looking").json()["status"] == "ready")
    send(running, seen("journey-cleo"), seen("journey-cleo"))
    entry = eventually(lambda: segments_of(app, "journey-cleo").get("looking"))
    assert entry, "the event never reached the segment"
    ends = datetime.fromisoformat(entry["expires_at"])
    # Asked of the table: a read would evaluate the person itself, and nothing would be proven about the sweep.
    stay = eventually(lambda: Membership.objects.filter(segment__key="looking", left_at__isnull=False).first())
    assert stay is not None
    assert timedelta(0) <= stay.left_at - ends < timedelta(seconds=2)
    assert stay.left_cause == "sweep"
    assert "looking" not in segments_of(app, "journey-cleo")
