"""Sources, tracking plans and violations over REST."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cdp import api_keys, person_tokens
from cdp.models import KeyKind, Scope
from profiles.identity import resolve
from profiles.models import Event, Source
from tests.profiles.planning import AMOUNT, needed, person, plan, rule, source
from tests.profiles.stream import apply, track, work

pytestmark = pytest.mark.django_db(transaction=True)
PLANS, SOURCES = "/v1/governance/tracking-plans", "/v1/governance/sources"


@pytest.fixture(autouse=True)
def _nothing_remembered():
    resolve.forget()
    yield
    resolve.forget()


class Caller:
    """Somebody with a token of their own, or an application with a key."""

    def __init__(self, token: str) -> None:
        self._headers = {"Authorization": f"Bearer {token}"}
        self._client = Client()

    def get(self, address: str, **asked: Any) -> Any:
        return self._client.get(address, asked, headers=self._headers)

    def post(self, address: str, body: Any = None) -> Any:
        sent = "" if body is None else json.dumps(body)
        return self._client.post(address, sent, content_type="application/json", headers=self._headers)


def token(name: str, *roles: str) -> Caller:
    now = timezone.now()
    _, shown = person_tokens.issue(
        user=person(name, *roles), name="tests", now=now, expires_at=now + timedelta(hours=1)
    )
    return Caller(shown)


def key(*scopes: Scope) -> Caller:
    issued = api_keys.issue(kind=KeyKind.SECRET, name="app", scopes=scopes, source="shop", by=None, now=timezone.now())
    return Caller(issued[1])


def test_a_plan_is_brought_in_approved_followed_mended_and_its_blocked_events_sent_again():
    author, approver = token("ada", "author"), token("grace", "approver")
    rules = [rule(total=needed(AMOUNT))]
    assert author.post(PLANS, {"key": "web", "name": "Web"}).status_code == 201
    version = author.post(f"{PLANS}/web/import", {"document": {"data": {"rules": rules}}})
    assert version.status_code == 201 and version.json()["content"] == {"rules": rules}
    for verb, who, body in (("submit", author, None), ("approve", approver, {"comment": "Good."})):
        assert who.post(f"{PLANS}/web/versions/1/{verb}", body).status_code == 200
    content = {"name": "Shop", "tracking_plan": "web", "enforcement": {"violation": "block"}}
    assert author.post(SOURCES, {"key": "shop", "name": "Shop", "content": content}).status_code == 201
    assert author.post(f"{SOURCES}/shop/versions/1/submit").status_code == 200
    assert approver.post(f"{SOURCES}/shop/versions/1/approve", {"comment": "Good."}).status_code == 200
    apply(*(track("Order Completed", userId="ann") for _ in range(3)))

    (found,) = author.get("/v1/violations", source="shop").json()["violations"]
    assert (found["plan"], found["plan_version"], found["field"], found["count"]) == ("web", 1, "properties.total", 3)
    assert found["consequence"] == "blocked"
    sums = author.get(f"{SOURCES}/shop/accounting").json()
    assert (sums["accepted"], sums["rejected"], sums["stored"]) == (3, 3, 0)

    plan(rule(total=AMOUNT))
    asked = {"source": "shop", "code": "schema_violation"}
    assert approver.post("/v1/rejected-events/replay", asked).status_code == 403
    assert author.post("/v1/rejected-events/replay", asked).json() == {"events": 3, "left": 0}
    work()
    assert Event.objects.count() == 3


def test_a_plan_is_learned_and_handed_out_in_every_form_and_comes_back():
    apply(*(track("Order Completed", userId=f"u{n}", properties={"total": n}) for n in range(3)))
    author = token("ada", "author")
    author.post(PLANS, {"key": "web", "name": "Web"})
    learned = author.post(f"{PLANS}/web/learn", {"source": "shop", "required_share": 0.9})
    assert learned.status_code == 201
    for form in ("segment", "iglu"):
        told = author.get(f"{PLANS}/web/versions/1/export", form=form)
        assert told["Content-Type"] == "application/json"
        back = author.post(f"{PLANS}/web/import", {"document": told.json()})
        assert back.json()["content"] == learned.json()["content"]
    assert author.get(f"{PLANS}/web/versions/1/export", form="iglu-zip")["Content-Type"] == "application/zip"


def test_a_source_that_made_itself_is_listed_without_an_owner():
    apply(track("Order Completed", userId="ann"))
    (found,) = token("vera", "viewer").get(SOURCES).json()
    assert (found["key"], found["owner"], found["live_version"]) == ("shop", None, None)


@pytest.mark.parametrize(
    ("address", "body", "field"),
    [
        (f"{PLANS}/web/learn", {"source": "nowhere"}, "source"),
        (f"{PLANS}/web/learn", {"source": "shop", "required_share": 2}, "required_share"),
        (f"{PLANS}/web/import", {"document": {"rules": [{"type": "TRACK"}]}}, "rules[0].key"),
        (f"{PLANS}/web/import", {"document": 5}, "document"),
        (f"{PLANS}/web/versions", {"content": {"rules": 5}}, "rules"),
        (f"{SOURCES}/shop/versions", {"content": {"name": "S", "tracking_plan": "nope"}}, "tracking_plan"),
        (f"{SOURCES}/shop/versions", {"content": {"name": "S", "priority": "high"}}, "priority"),
        ("/v1/rejected-events/replay", {"source": "nowhere", "code": "x"}, "source"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(address, body, field):
    plan(rule())
    source()
    answer = token("ada", "author").post(address, body)
    assert answer.status_code in (400, 422)
    assert answer["Content-Type"] == "application/problem+json"
    assert field in [error["field"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    "asked", [{"type": "Nope"}, {"since": "yesterday"}, {"limit": "0"}, {"limit": "1001"}, {"source": "a\x00b"}]
)
def test_a_question_that_cannot_be_answered_says_which_part_of_it(asked):
    answer = token("vera", "viewer").get("/v1/violations", **asked)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == list(asked)


def test_a_key_with_the_scope_reads_violations_and_decides_nothing():
    plan(rule())
    source()
    apply(track("Nope", userId="ann"), track("Other", userId="ann"))
    reader = key(Scope.METRICS_READ)
    assert len(reader.get("/v1/violations").json()["violations"]) == 2
    assert reader.get("/v1/violations", limit="1").json()["more"] is True
    assert len(reader.get("/v1/violations", event="Nope", since="2026-01-01").json()["violations"]) == 1
    lines = b"".join(reader.get("/v1/violations/export").streaming_content).splitlines()
    assert {json.loads(line)["event"] for line in lines} == {"Violation Generated"}
    assert reader.post("/v1/rejected-events/replay", {"source": "shop", "code": "x"}).status_code == 403
    assert reader.get(PLANS).status_code == 403
    assert key_refused(Scope.INGEST_WRITE) == 403


def key_refused(scope: Scope) -> int:
    issued = api_keys.issue(
        kind=KeyKind.SECRET, name="writer", scopes=[scope], source="shop", by=None, now=timezone.now()
    )
    return int(Caller(issued[1]).get("/v1/violations").status_code)


def test_a_retired_source_takes_everything_again():
    from cdp.governance import lifecycle

    plan(rule())
    live = source(unplanned_event="block")
    apply(track("Nope", userId="ann"))
    lifecycle.retire(head=live, comment="No longer.", by=person("grace", "approver"), now=timezone.now())
    apply(track("Nope", userId="ann"))
    assert Event.objects.count() == 1
    kept = Source.objects.get()
    assert kept.live_version is None and kept.priority == 100
