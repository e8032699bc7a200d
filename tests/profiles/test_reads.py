"""GET /v1/profiles/{type}:{value}: who may read what, and what every read leaves behind."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError
from django.test import Client

from cdp import access, api_keys
from cdp.ids import to_public
from cdp.models import AccessRecord, KeyKind, Scope
from profiles import card
from profiles.api.reads import Read, Withheld
from profiles.identity import resolve
from tests.profiles.stream import apply, identify, person, track

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _profiles_alone(settings) -> None:
    settings.INGEST_GATES = settings.LANE_STEPS = settings.MERGE_STEPS = settings.READ_GATES = []
    resolve.forget()


def token(*fields: str, purpose: str = "service", scopes: tuple[Scope, ...] = (Scope.PROFILES_READ,)) -> str:
    _, told = api_keys.issue(
        kind=KeyKind.SECRET,
        name=f"app {fields} {purpose}",
        scopes=scopes,
        purpose=purpose,
        fields=fields,
        by=None,
        now=datetime.now(UTC),
    )
    return told


def read(path: str, key: str, **headers: str):
    return Client().get(f"/v1/profiles/{path}", headers={"Authorization": f"Bearer {key}"} | headers)


@pytest.fixture
def ada() -> int:
    apply(
        identify(userId="u1", anonymousId="a1", traits={"email": "ada@example.com", "plan": "pro", "age": 36}),
        track("Bought", userId="u1", properties={"revenue": 3}),
    )
    return person("user_id", "u1")


def test_every_name_finds_the_person(ada: int) -> None:
    key = token()
    bodies = [
        read(path, key).json()
        for path in ("user_id:u1", "anonymous_id:a1", "email:Ada@Example.COM", f"id:{to_public(ada)}")
    ]
    assert all(body == bodies[0] for body in bodies)
    body = bodies[0]
    assert body["id"] == to_public(ada)
    assert body["traits"] == {"email": "ada@example.com", "plan": "pro", "age": 36}
    assert [(i["type"], i["value"]) for i in body["identifiers"]] == [
        ("anonymous_id", "a1"),
        ("email", "ada@example.com"),
        ("user_id", "u1"),
    ]
    assert (body["merged_into"], body["withheld"], body["event_count"]) == (None, [], 2)
    assert body["as_of"] is not None


def test_verbose_tells_where_a_value_comes_from(ada: int) -> None:
    plan = read("user_id:u1?verbose=true", token()).json()["traits"]["plan"]
    assert (plan["value"], plan["source"], plan["method"], plan["confidence"]) == ("pro", "shop", "observed", 1)
    assert plan["applied_at"] > plan["observed_at"]


def test_include_narrows_to_parts_and_single_traits(ada: int) -> None:
    key = token()
    body = read("user_id:u1?include=traits.plan,segments", key).json()
    assert body["traits"] == {"plan": "pro"}
    assert "identifiers" not in body
    assert body["segments"] == []
    refused = read("user_id:u1?include=shoe_size", key)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "include")


def test_a_keys_field_list_narrows_and_what_was_asked_in_vain_is_told(ada: int) -> None:
    key = token("traits.plan", "segments")
    body = read("user_id:u1", key).json()
    assert body["traits"] == {"plan": "pro"}
    assert "identifiers" not in body
    assert {(w["field"], w["code"]) for w in body["withheld"]} == {
        ("consent", "field_not_allowed"),
        ("identifiers", "field_not_allowed"),
        ("tags", "field_not_allowed"),
    }
    asked = read("user_id:u1?include=traits.age", key).json()
    assert "traits" not in asked
    assert asked["withheld"][0]["field"] == "traits.age"


def hide_age(read: Read) -> tuple[Withheld, ...]:
    assert read.purpose == "service"
    return (Withheld("traits.age", "Asked for another purpose.", "consent_refused"),) if "traits" in read.fields else ()


def hide_segments(read: Read) -> tuple[Withheld, ...]:
    return (Withheld("segments", read.card["consent"]["why"], "consent_refused"),)


def test_a_gate_withholds_from_the_card_and_the_record_says_so(ada: int, settings) -> None:
    settings.READ_GATES = [f"{__name__}.hide_age", f"{__name__}.hide_segments"]
    card.write_section("consent", [(ada, {"why": "No grant."}, None)])
    key = token()
    for query in ("", "?verbose=true"):
        body = read(f"user_id:u1{query}", key).json()
        assert set(body["traits"]) == {"email", "plan"}
        assert "segments" not in body
        assert {(w["field"], w["reason"]) for w in body["withheld"]} == {
            ("traits.age", "Asked for another purpose."),
            ("segments", "No grant."),
        }
    record = AccessRecord.objects.last()
    assert record is not None
    assert (record.outcome, record.profile_id, record.purpose) == ("withheld", ada, "service")
    assert {w["field"] for w in record.withheld} == {"traits.age", "segments"}


def hide_the_person(read: Read) -> tuple[Withheld, ...]:
    asked = {field.partition(".")[0] for field in read.fields} & {"identifiers", "segments", "tags", "traits"}
    return tuple(Withheld(part, "No purpose is stated.", "purpose_missing") for part in sorted(asked))


_FIGURES = {"first_seen_at", "last_seen_at", "event_count"}


def test_who_may_know_nothing_personal_is_not_told_when_and_how_often_either(ada: int, settings) -> None:
    key = token()
    assert read("user_id:u1", key).json().keys() >= _FIGURES
    settings.READ_GATES = [f"{__name__}.hide_the_person"]
    for query in ("", "?include=traits.plan", "?include=traits.plan,consent"):
        body = read(f"user_id:u1{query}", key).json()
        assert not body.keys() & _FIGURES
        assert body["withheld"][-1] == {
            "field": "activity",
            "code": "purpose_missing",
            "reason": "No purpose is stated.",
        }
    consent = read("user_id:u1?include=consent", key).json()
    assert not consent.keys() & _FIGURES
    assert consent["withheld"] == []


def test_purpose_may_only_repeat_the_keys(ada: int) -> None:
    key = token()
    assert read("user_id:u1?purpose=service", key).status_code == 200
    assert read("user_id:u1?purpose=marketing", key).status_code == 403


def test_an_etag_answers_304_until_something_changes(ada: int) -> None:
    key = token()
    etag = read("user_id:u1", key)["ETag"]
    assert read("user_id:u1", key, **{"If-None-Match": etag}).status_code == 304
    apply(identify(userId="u1", traits={"plan": "free"}, minutes=5))
    assert read("user_id:u1", key, **{"If-None-Match": etag}).status_code == 200


def test_a_merged_id_answers_for_the_person_it_became() -> None:
    apply(track(anonymousId="a1"))
    apply(track(userId="u1"))
    younger = person("user_id", "u1")
    apply(identify(userId="u1", anonymousId="a1"))
    key = token()
    body = read(f"id:{to_public(younger)}", key).json()
    assert body["id"] == body["merged_into"] == to_public(person("user_id", "u1"))
    assert read("user_id:u1", key).json()["merged_into"] is None


def test_every_answer_leaves_a_record_also_304(ada: int) -> None:
    key = token()
    etag = read("user_id:u1", key)["ETag"]
    read("user_id:u1", key, **{"If-None-Match": etag})
    records = AccessRecord.objects.filter(action="profile.read")
    assert [(record.profile_id, record.fields) for record in records] == [
        (ada, ["consent", "identifiers", "segments", "tags", "traits"])
    ] * 2


def test_no_record_no_answer(ada: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**facts: object) -> None:
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(access, "record", fail)
    answer = read("user_id:u1", token())
    assert answer.status_code == 503
    assert b"ada" not in answer.content


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("user_id:nobody", 404, "not_found"),
        ("id:p_zzzzzzzzzzzzz", 404, "not_found"),
        ("id:nonsense", 404, "not_found"),
        ("email:not-an-address", 404, "not_found"),
        ("user_id:%00", 404, "not_found"),
        ("shoe_size:43", 400, "unknown_identifier_type"),
    ],
)
def test_nobody(path: str, status: int, code: str) -> None:
    answer = read(path, token())
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"] == "application/problem+json"


def test_a_value_may_hold_slashes_and_colons() -> None:
    apply(track(userId="https://id.example/u:1"))
    assert read("user_id:https%3A%2F%2Fid.example%2Fu%3A1", token()).status_code == 200


def test_who_may_not_read(ada: int) -> None:
    assert Client().get("/v1/profiles/user_id:u1").status_code == 401
    assert read("user_id:u1", "cdp_sk_nonsense").status_code == 401
    assert read("user_id:u1", token(scopes=(Scope.SEGMENTS_READ,))).json()["code"] == "scope_missing"
    assert Client().post("/v1/profiles/user_id:u1").status_code == 405


def test_a_section_whose_end_has_passed_is_evaluated_before_it_is_told(ada: int, settings) -> None:
    settings.LANE_STEPS = [f"{__name__}.write_fresh"]
    card.write_section("segments", [(ada, [{"key": "stale"}], datetime.now(UTC) - timedelta(seconds=1))])
    assert read("user_id:u1", token()).json()["segments"] == [{"key": "fresh"}]


def write_fresh(batch) -> dict:
    card.write_section("segments", [(profile, [{"key": "fresh"}], None) for profile in batch.people])
    return {}


def test_the_openapi_document_names_the_read() -> None:
    document = json.loads(Client().get("/openapi.json", headers={"Accept": "application/json"}).content)
    operation = document["paths"]["/v1/profiles/{type}:{value}"]["get"]
    assert set(operation["responses"]) == {"200", "304", "400", "401", "403", "404", "429", "503"}
