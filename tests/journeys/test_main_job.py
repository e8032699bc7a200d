"""The main job through its doors alone: people, devices and events come in; segments with reasons, or none, go out."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.contrib.auth.models import Group

from cdp.models import User
from profiles.queries import find_profile
from segments.models import Membership
from tests.journeys.rest import approved, client_of, eventually, go_live, known, person, seen, send, submitted
from tests.running import Running

LEFT_A_CART = {"event": "Cart Viewed", "measure": "count", "op": ">=", "value": 1, "within": "1h"}
QUIET_SECONDS = 4
NOT_BACK = {"event": "Cart Viewed", "measure": "count", "op": "<", "value": 1, "within": f"{QUIET_SECONDS}s"}


@pytest.fixture(autouse=True)
def _database(django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def app(running: Running) -> httpx.Client:
    return running.client(running.read_key)


@pytest.fixture
def compliance(running: Running) -> httpx.Client:
    return running.client(running.compliance_key)


def read(app: httpx.Client, name: str, **query: str) -> dict[str, Any]:
    answer = app.get(f"/v1/profiles/{name}", params=query)
    return answer.json() if answer.status_code == 200 else {}


def stay(app: httpx.Client, name: str, key: str) -> dict[str, Any]:
    return {entry["key"]: entry for entry in read(app, name).get("segments", ())}.get(key, {})


def test_an_event_reaches_a_live_segment_and_is_told_with_its_reasons(running: Running, app: httpx.Client) -> None:
    send(running, seen("job-first", "Plan Bought"))
    go_live(running, "buyers", {"event": "Plan Bought", "measure": "count", "op": ">=", "value": 2})
    send(running, known("job-rosa", plan="pro"), seen("job-rosa", "Plan Bought"), seen("job-rosa", "Plan Bought"))

    told = eventually(lambda: stay(app, "user_id:job-rosa", "buyers"))
    profile = read(app, "user_id:job-rosa", verbose="true")
    reasons = app.get("/v1/profiles/user_id:job-rosa/segments/buyers/why").json()

    assert told["version"] == 1
    assert (profile["traits"]["plan"]["value"], profile["traits"]["plan"]["source"]) == ("pro", "website")
    assert profile["event_count"] == 3
    assert (reasons["is_member"], reasons["explanation"]["observed"]) == (True, 2)
    assert reasons["stay"]["cause"] == "event"
    assert stay(app, "user_id:job-first", "buyers") == {}


def test_a_rule_is_nothing_until_somebody_who_did_not_write_it_agrees(running: Running, app: httpx.Client) -> None:
    send(running, known("job-lena", city="Lyon"))
    both = User.objects.create_user("writes and approves")
    both.groups.set(Group.objects.filter(name__in=("author", "approver")))
    writer = client_of(running, both)
    version = submitted(writer, "lyon", {"trait": "city", "op": "=", "value": "Lyon"})
    address = "/v1/governance/segments/lyon/versions/1/approve"

    own = writer.post(address, json={"comment": "It is good, I wrote it."})
    key = app.post(address, json={"comment": "A program agrees."})
    unread = person(running, "approver").post(address, json={"comment": "Fine.", "content_hash": "0" * 64})
    wordless = person(running, "approver").post(address, json={})

    assert (own.status_code, own.json()["code"]) == (403, "four_eyes")
    assert (key.status_code, key.json()["code"]) == (403, "person_required")
    assert unread.status_code == 409
    assert (wordless.status_code, wordless.json()["code"]) == (400, "comment_required")
    assert app.get("/v1/segments/lyon").json()["status"] == "draft"
    assert stay(app, "user_id:job-lena", "lyon") == {}

    approved(person(running, "approver"), "lyon", version)
    assert eventually(lambda: stay(app, "user_id:job-lena", "lyon"))


def test_a_withdrawal_stops_the_next_read_and_ends_the_segment(running: Running, compliance: httpx.Client) -> None:
    agreed = {"context": {"consent": {"categoryPreferences": {"marketing": True}}}}
    send(running, known("job-mara", tier="gold") | agreed)
    newsletter = reading_for(running, "marketing")
    assert eventually(lambda: read(newsletter, "user_id:job-mara").get("traits") == {"tier": "gold"})
    go_live(running, "may-be-written-to", {"consent": "marketing"})
    assert eventually(lambda: stay(newsletter, "user_id:job-mara", "may-be-written-to"))

    receipt = compliance.post("/v1/consent", json=decision("withdraw", "job-mara"))
    after = newsletter.get("/v1/profiles/user_id:job-mara").json()

    assert receipt.status_code == 201
    assert {one["field"] for one in after["withheld"]} == {"traits", "identifiers", "segments", "tags", "activity"}
    assert {one["code"] for one in after["withheld"]} == {"consent_refused"}
    assert all(one["reason"] for one in after["withheld"])
    assert not {"traits", "identifiers", "segments"} & after.keys()
    assert after["consent"]["marketing"]["state"] == "withdrawn"
    ended = eventually(
        lambda: Membership.objects.filter(segment__key="may-be-written-to", left_at__isnull=False).first()
    )
    assert ended.left_cause == "consent"

    compliance.post("/v1/consent", json=decision("grant", "job-mara"))
    assert read(newsletter, "user_id:job-mara")["traits"] == {"tier": "gold"}


def reading_for(running: Running, purpose: str) -> httpx.Client:
    wanted = {"kind": "sk", "name": f"for {purpose}", "scopes": ["profiles:read"], "purpose": purpose}
    issued = person(running, "administrator").post("/v1/keys", json=wanted)
    assert issued.status_code == 201, issued.text
    return running.client(issued.json()["token"])


def decision(operation: str, user: str) -> dict[str, Any]:
    return {"identifier": {"type": "user_id", "value": user}, "operation": operation, "purposes": ["marketing"]}


def test_two_devices_become_one_person_whom_both_histories_count_for(running: Running, app: httpx.Client) -> None:
    send(running, seen("job-other", "Song Played"))
    go_live(running, "listeners", {"event": "Song Played", "measure": "count", "op": ">=", "value": 4})
    phone, laptop = uuid4().hex, uuid4().hex
    send(running, *(played(anonymousId=device) for device in (phone, laptop) for _ in range(2)))
    send(running, {"type": "identify", "anonymousId": phone, "userId": "job-nils", "traits": {"music": "jazz"}})
    before = [eventually(lambda name=name: read(app, f"anonymous_id:{name}").get("id")) for name in (phone, laptop)]
    winner, loser = sorted(before)  # ids are in the order of birth, and the older one stays
    assert winner != loser
    assert eventually(lambda: read(app, "user_id:job-nils").get("id")) == before[0]

    send(running, {"type": "identify", "anonymousId": laptop, "userId": "job-nils", "traits": {"books": "crime"}})
    assert eventually(
        lambda: {read(app, name)["id"] for name in (f"anonymous_id:{phone}", f"anonymous_id:{laptop}")} == {winner}
    )
    told = eventually(lambda: stay(app, "user_id:job-nils", "listeners"))
    merged = read(app, "user_id:job-nils")
    by_old_id = read(app, f"id:{loser}")

    assert told["version"] == 1
    assert merged["traits"] == {"music": "jazz", "books": "crime"}
    assert {one["value"] for one in merged["identifiers"]} == {phone, laptop, "job-nils"}
    assert merged["event_count"] == 6
    assert merged["merged_into"] is None
    assert by_old_id == merged | {"merged_into": winner}


def played(**ids: str) -> dict[str, Any]:
    return {"type": "track", "event": "Song Played", "messageId": uuid4().hex, **ids}


def test_who_does_not_come_back_is_in_on_time_without_any_event(running: Running) -> None:
    send(running, seen("job-other", "Cart Viewed"))
    go_live(running, "left-behind", {"all": [LEFT_A_CART, NOT_BACK]})
    event = seen("job-olaf", "Cart Viewed")
    send(running, event)

    # Asked of the table: a read would evaluate the person itself, and nothing would be proven about the sweep.
    olaf = eventually(lambda: find_profile(type="user_id", value="job-olaf"))
    entered = eventually(lambda: Membership.objects.filter(segment__key="left-behind", profile_id=olaf).first())

    quiet_since = datetime.fromisoformat(event["timestamp"]) + timedelta(seconds=QUIET_SECONDS)
    assert timedelta(0) <= entered.entered_at - quiet_since < timedelta(seconds=2)
    assert entered.cause == "sweep"
