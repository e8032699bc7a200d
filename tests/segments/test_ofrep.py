"""OFREP: segments and traits as flags, with the same purposes, fields and records as every other read."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cdp import api_keys
from cdp.ids import to_public
from cdp.models import AccessRecord, KeyKind, Scope
from consent import ledger
from profiles.models import EventDefinition, TraitDefinition
from tests.segments.world import START, World

GERMAN = {"trait": "country", "op": "=", "value": "DE"}
FLAGS = "/ofrep/v1/evaluate/flags"
SERVICE = {"scopes": (Scope.PROFILES_READ,), "purpose": "service"}


def key_for(name: str = "app", **rights: Any) -> str:
    return api_keys.issue(kind=KeyKind.SECRET, name=name, **SERVICE | rights, by=None, now=timezone.now())[1]


@pytest.fixture
def world(committed_world: World) -> World:
    """Reads of people go over a connection of their own, which sees only what is committed."""
    return committed_world


@pytest.fixture
def key(world: World) -> str:
    world.purpose("service", legal_basis="contract")
    return key_for()


def ask(key: str, flag: str | None, who: object, **headers: str) -> Any:
    context = {} if who is None else {"targetingKey": who}
    path = FLAGS if flag is None else f"{FLAGS}/{flag}"
    shown = {"Authorization": f"Bearer {key}"} if key else {}
    return Client().post(path, {"context": context}, content_type="application/json", headers=shown | headers)


def german(world: World, **traits: Any) -> str:
    found = world.person(**{"country": "DE", "age": 36, "vip": True} | traits)
    return f"id:{to_public(found)}"


def published(world: World) -> None:
    world.publish("germans", GERMAN)
    world.backfill()


def test_a_segment_is_a_boolean_flag(world: World, key: str) -> None:
    ada, bob = german(world), german(world, country="FR")
    published(world)
    member, other = ask(key, "segment.germans", ada).json(), ask(key, "segment.germans", bob).json()
    assert (member["key"], member["value"], member["variant"]) == ("segment.germans", True, "member")
    assert (member["reason"], member["metadata"]["version"]) == ("TARGETING_MATCH", 1)
    assert (other["value"], other["variant"]) == (False, "non-member")


def test_a_trait_is_a_flag_of_its_own_type_and_the_person_an_object(world: World, key: str) -> None:
    ada = german(world, tags=["a", "b"])
    published(world)
    told = {name: ask(key, f"trait.{name}", ada).json() for name in ("country", "age", "vip", "tags")}
    assert [flag["value"] for flag in told.values()] == ["DE", 36, True, ["a", "b"]]
    assert {flag["variant"] for flag in told.values()} == {"set"}
    profile = ask(key, "profile", ada).json()["value"]
    assert profile["id"] == ada.removeprefix("id:")
    assert (profile["segments"], profile["traits"]["age"]) == (["germans"], 36)


def test_who_or_what_is_unknown_leaves_the_decision_to_the_code(world: World, key: str) -> None:
    ada = german(world)
    published(world)
    for flag, who in [("segment.germans", "nobody"), ("trait.country", "email:no@example.com"), ("trait.shoe", ada)]:
        answer = ask(key, flag, who)
        assert answer.status_code == 200
        assert "value" not in answer.json()
        assert (answer.json()["reason"], bool(answer.json()["variant"])) == ("UNKNOWN", True)
    assert {flag["key"] for flag in ask(key, None, "nobody").json()["flags"]} == {"profile", "segment.germans"}


def test_only_live_segments_are_flags(world: World, key: str) -> None:
    ada = german(world)
    published(world)
    world.segment("planned")
    world.publish("retired", GERMAN)
    world.retire("retired", now=START + timedelta(hours=1))
    for flag in ("segment.planned", "segment.retired", "segment.", "trait.", "shoe", "a/b", "segment.%00"):
        answer = ask(key, flag, ada)
        assert (answer.status_code, answer.json()["errorCode"]) == (404, "FLAG_NOT_FOUND"), flag
    keys = [flag["key"] for flag in ask(key, None, ada).json()["flags"]]
    assert keys == ["profile", "segment.germans", "trait.age", "trait.country", "trait.vip"]


def test_while_the_first_backfill_runs_who_is_not_in_is_not_told_to_be_out(world: World, key: str) -> None:
    ada = german(world, country="FR")
    world.publish("germans", GERMAN)
    flag = ask(key, "segment.germans", ada).json()
    assert ("value" in flag, flag["variant"]) == (False, "backfilling")


def test_what_is_withheld_has_no_value_and_the_record_says_so(world: World, key: str) -> None:
    ada = german(world)
    published(world)
    TraitDefinition.objects.filter(name="age").update(purpose="marketing")
    world.purpose("marketing")
    hidden = ask(key, "trait.age", ada).json()
    assert ("value" in hidden, hidden["variant"], hidden["reason"]) == (False, "withheld", "DISABLED")
    record = AccessRecord.objects.latest("id")
    assert (record.action, record.outcome, record.basis) == ("flags.evaluate", "withheld", {"flag": "trait.age"})
    told = {flag["key"]: flag for flag in ask(key, None, ada).json()["flags"]}
    assert "value" not in told["trait.age"]
    assert "age" not in told["profile"]["value"]["traits"]
    assert told["segment.germans"]["value"] is True


def test_a_purpose_without_a_grant_tells_nothing(world: World, key: str) -> None:
    ada = german(world)
    published(world)
    world.purpose("marketing")
    marketing = key_for("marketing", purpose="marketing")
    assert all("value" not in flag for flag in ask(marketing, None, ada).json()["flags"])
    world.consent(from_id(ada), "marketing", ledger.grant, at=START)
    assert ask(marketing, "segment.germans", ada).json()["value"] is True


def from_id(name: str) -> int:
    from cdp.ids import from_public

    return from_public(name.removeprefix("id:"))


def test_a_keys_field_list_holds_for_flags(world: World, key: str) -> None:
    ada = german(world)
    published(world)
    narrow = key_for("narrow", fields=("traits.country",))
    assert ask(narrow, "trait.country", ada).json()["value"] == "DE"
    assert ask(narrow, "trait.age", ada).json()["metadata"] == {"withheld": "field_not_allowed"}
    assert "value" not in ask(narrow, "segment.germans", ada).json()
    assert ask(narrow, "profile", ada).json()["value"] == {"id": ada.removeprefix("id:"), "traits": {"country": "DE"}}


def test_all_flags_answer_304_until_something_changes(world: World, key: str) -> None:
    ada = german(world)
    published(world)
    first = ask(key, None, ada)
    assert ask(key, None, ada, **{"If-None-Match": first["ETag"]}).status_code == 304
    assert AccessRecord.objects.filter(action="flags.evaluate_all").count() == 2
    world.learn(from_id(ada), vip=False)
    assert ask(key, None, ada, **{"If-None-Match": first["ETag"]}).status_code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "PARSE_ERROR"),
        ("[]", "PARSE_ERROR"),
        ("{", "PARSE_ERROR"),
        ('{"context": ' + "[" * 100_000, "PARSE_ERROR"),
        ('{"context": {"targetingKey": "\\ud800"}}', "PARSE_ERROR"),
        ('{"context": {"x": "' + "x" * 70_000 + '"}}', "PARSE_ERROR"),
        ('{"context": []}', "PARSE_ERROR"),
        ("{}", "TARGETING_KEY_MISSING"),
        ('{"context": {"targetingKey": ""}}', "TARGETING_KEY_MISSING"),
        ('{"context": {"targetingKey": 7}}', "INVALID_CONTEXT"),
    ],
)
def test_what_cannot_be_read_is_refused_by_the_protocols_codes(world: World, key: str, body: str, code: str) -> None:
    published(world)
    for path in (FLAGS, f"{FLAGS}/segment.germans"):
        answer = Client().generic("POST", path, body, headers={"Authorization": f"Bearer {key}"})
        assert (answer.status_code, answer.json()["errorCode"]) == (400, code)
        assert answer.json()["errorDetails"]


def test_who_may_not_read(world: World, key: str) -> None:
    assert ask("", None, "u1").status_code == 401
    assert ask("cdp_sk_nonsense", "profile", "u1").json().keys() == {"key", "errorCode", "errorDetails"}
    assert ask(key_for("writer", scopes=(Scope.SEGMENTS_READ,)), "profile", "u1").status_code == 403
    assert ask("", "profile", "u1", **{"X-API-Key": key}).status_code == 200
    assert Client().get(FLAGS).status_code == 405


def test_a_browser_on_another_origin_may_ask(world: World, key: str) -> None:
    wanted = {"Access-Control-Request-Method": "POST", "Origin": "https://shop.example"}
    preflight = Client().options(FLAGS, headers=wanted)
    assert preflight.status_code == 204
    allowed = preflight["Access-Control-Allow-Headers"]
    assert {"authorization", "content-type", "if-none-match"} <= set(allowed.split(", "))
    answer = ask(key, None, "nobody", Origin="https://shop.example")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "ETag" in answer["Access-Control-Expose-Headers"]
    assert ask("", None, "nobody")["Access-Control-Allow-Origin"] == "*"


def test_events_of_another_purpose_are_withheld_from_reads_of_events(world: World, key: str) -> None:
    ada = german(world)
    now = timezone.now()
    world.event(from_id(ada), "Product Viewed", at=now)
    world.event(from_id(ada), "Order Completed", at=now)
    EventDefinition.objects.filter(name="Order Completed").update(purpose="marketing")
    world.purpose("marketing")

    def names() -> set[str]:
        path = f"/v1/spaces/main/collections/users/profiles/{ada}/events"
        body = json.loads(Client().get(path, headers={"Authorization": f"Bearer {key}"}).content)
        return {event["event"] for event in body["data"]}

    assert names() == {"Product Viewed"}
    world.consent(from_id(ada), "marketing", ledger.grant, at=START)
    assert names() == {"Product Viewed", "Order Completed"}
