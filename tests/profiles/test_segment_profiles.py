"""Segment's Profile API: its addresses, shapes, cursors and errors, over the same gates and records as any read."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import redis
from django.db import OperationalError, connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cdp import access, api_keys
from cdp.ids import to_public
from cdp.models import AccessRecord, ApiKey, KeyKind, Scope
from profiles.api.reads import Audience, Read, Withheld
from profiles.identity import resolve
from tests.profiles.stream import NOON, alias, apply, at, event, identify, person, track

pytestmark = pytest.mark.django_db(transaction=True)
USERS = "/v1/spaces/main/collections/users/profiles"


@pytest.fixture(autouse=True)
def _profiles_alone(settings) -> None:
    settings.INGEST_GATES = settings.LANE_STEPS = settings.MERGE_STEPS = settings.READ_GATES = []
    settings.AUDIENCES = []
    resolve.forget()


def token(*fields: str, scopes: tuple[Scope, ...] = (Scope.PROFILES_READ,)) -> str:
    rights = {"scopes": scopes, "purpose": "service", "fields": fields}
    now = datetime.now(UTC)
    return api_keys.issue(kind=KeyKind.SECRET, name=f"app {fields} {scopes}", **rights, by=None, now=now)[1]


def get(path: str, key: str, **parameters: object) -> Any:
    shown = base64.b64encode(f"{key}:".encode()).decode()
    return Client().get(f"{USERS}/{path}", parameters, headers={"Authorization": f"Basic {shown}"})


def pages(path: str, key: str, part: str, **parameters: object) -> list[Any]:
    """Follow `next` to the end."""
    found: list[Any] = []
    after = ""
    while True:
        body = get(path, key, **parameters, **({"next": after} if after else {})).json()
        found.append(body[part])
        assert body["cursor"]["has_more"] == bool(body["cursor"]["next"])
        if not (after := body["cursor"]["next"]):
            return found


def group(**fields: Any) -> dict[str, Any]:
    return event("group", **fields)


@pytest.fixture
def ada() -> int:
    apply(
        identify(userId="u1", anonymousId="a1", message_id="first", traits={"email": "ada@example.com", "age": 36}),
        track("Bought", userId="u1", minutes=1, properties={"revenue": 3}, context={"ip": "192.0.2.1"}),
        track("Looked", userId="u1", minutes=2, message_id="last"),
    )
    return person("user_id", "u1")


def test_traits_come_ten_at_a_time_and_up_to_two_hundred() -> None:
    traits = {f"t{number:03}": number for number in range(205)}
    apply(identify(userId="u1", traits=traits))
    key = token()
    body = get("user_id:u1/traits", key).json()
    assert body["traits"] == {f"t{number:03}": number for number in range(10)}
    assert (body["cursor"]["limit"], body["cursor"]["has_more"]) == (10, True)
    assert [len(page) for page in pages("user_id:u1/traits", key, "traits", limit=200)] == [200, 5]
    told = {name: value for page in pages("user_id:u1/traits", key, "traits", limit=50) for name, value in page.items()}
    assert told == traits


def test_the_cursors_address_leads_to_the_next_page(ada: int) -> None:
    key = token()
    body = get("user_id:u1/traits", key, limit=1).json()
    assert body["traits"] == {"age": 36}
    assert f"/profiles/id:{to_public(ada)}/traits?" in body["cursor"]["url"]
    following = Client().get(body["cursor"]["url"], headers={"Authorization": f"Bearer {key}"}).json()
    assert following["traits"] == {"email": "ada@example.com"}
    assert following["cursor"]["next"] == ""


def test_verbose_tells_source_and_time_and_include_chooses(ada: int) -> None:
    body = get("user_id:u1/traits", token(), include="age,shoe_size", verbose="true").json()
    assert body["traits"].keys() == {"age"}
    age = body["traits"]["age"]
    assert (age["value"], age["source_id"], datetime.fromisoformat(age["updated_at"])) == (36, "shop", NOON)


def two_segments(profile_id: int, /) -> dict[str, Audience]:
    return {"buyers": Audience(True, NOON), "sleepers": Audience(False, NOON)}


def test_memberships_are_traits_true_while_in_and_false_after(ada: int, settings) -> None:
    settings.AUDIENCES = [f"{__name__}.two_segments"]
    key = token()
    everything = get("user_id:u1/traits", key).json()["traits"]
    assert everything == {"age": 36, "email": "ada@example.com", "buyers": True, "sleepers": False}
    assert get("user_id:u1/traits", key, **{"class": "audience"}).json()["traits"] == {
        "buyers": True,
        "sleepers": False,
    }
    assert get("user_id:u1/traits", key, **{"class": "computed_trait"}).json()["traits"] == {}


def hide(read: Read) -> tuple[Withheld, ...]:
    withheld = {"traits.age", "segments", "events.Bought"}
    return tuple(
        Withheld(field, "No.", "consent_refused")
        for field in sorted(withheld)
        if field.partition(".")[0] in read.fields or field in read.fields
    )


def test_what_is_withheld_is_absent_here_and_told_in_the_record(ada: int, settings) -> None:
    settings.AUDIENCES, settings.READ_GATES = [f"{__name__}.two_segments"], [f"{__name__}.hide"]
    key = token()
    assert get("user_id:u1/traits", key).json()["traits"] == {"email": "ada@example.com"}
    assert get("user_id:u1/traits", key, include="age").json()["traits"] == {}
    told = get("user_id:u1/events", key, start="2026-01-01").json()["data"]
    assert [each["event"] for each in told] == ["Looked", None]
    assert told[1]["properties"] == {"email": "ada@example.com"}
    records = list(AccessRecord.objects.order_by("id"))
    assert [record.action for record in records] == ["profile.traits", "profile.traits", "profile.events"]
    assert {one["field"] for one in records[0].withheld} == {"traits.age", "segments"}
    assert all((record.outcome, record.profile_id) == ("withheld", ada) for record in records)


def test_a_keys_field_list_holds_here_too(ada: int, settings) -> None:
    settings.AUDIENCES = [f"{__name__}.two_segments"]
    key = token("traits.age")
    assert get("user_id:u1/traits", key, limit=200).json()["traits"] == {"age": 36}
    assert get("user_id:u1/external_ids", key).json()["data"] == []
    assert get("user_id:u1/events", key, start="2026-01-01").json()["data"] == []
    events = get("user_id:u1/events", token("events"), start="2026-01-01", include="$identify").json()["data"]
    assert [(each["properties"], each["external_ids"]) for each in events] == [({}, [])]


def test_external_ids_tell_the_event_they_came_with(ada: int) -> None:
    key = token()
    data = get("user_id:u1/external_ids", key).json()["data"]
    assert [(each["type"], each["id"], each["encoding"]) for each in data] == [
        ("anonymous_id", "a1", "none"),
        ("email", "ada@example.com", "none"),
        ("user_id", "u1", "none"),
    ]
    assert {each["first_message_id"] for each in data} == {"first"}
    assert {each["source_id"] for each in data} == {"shop"}
    assert [len(page) for page in pages("user_id:u1/external_ids", key, "data", limit=2)] == [2, 1]
    only = get("user_id:u1/external_ids", key, include="user_id").json()["data"]
    assert [each["id"] for each in only] == ["u1"]


def test_metadata_names_the_first_and_the_last_event(ada: int) -> None:
    metadata = get("user_id:u1/metadata", token()).json()["metadata"]
    assert (metadata["first_message_id"], metadata["last_message_id"]) == ("first", "last")
    assert (metadata["first_source_id"], metadata["expires_at"]) == ("shop", None)
    assert datetime.fromisoformat(metadata["updated_at"]) == at(2)


def test_events_have_their_shape(ada: int) -> None:
    bought = get("user_id:u1/events", token(), start="2026-03-01", include="Bought").json()["data"][0]
    assert bought["external_ids"] == [{"collection": "users", "type": "user_id", "id": "u1", "encoding": "none"}]
    assert (bought["type"], bought["event"], bought["source_id"]) == ("track", "Bought", "shop")
    assert (bought["properties"], bought["context"]) == ({"revenue": 3}, {"ip": "192.0.2.1"})
    assert bought["related"] == {"users": to_public(ada)}


def test_consent_preferences_inside_an_event_are_not_told() -> None:
    preferences = {"categoryPreferences": {"ads": True}}
    apply(track(userId="u1", context={"consent": preferences, "locale": "de"}))
    told = get("user_id:u1/events", token(), start="2026-01-01").json()["data"]
    assert told[0]["context"] == {"locale": "de"}


def test_fourteen_days_are_told_unless_start_asks_for_more() -> None:
    now = datetime.now(UTC)
    recent = {"timestamp": (now - timedelta(days=13)).isoformat()}
    older = {"timestamp": (now - timedelta(days=15)).isoformat()}
    apply({**track("Recent", userId="u1"), **recent}, {**track("Older", userId="u1"), **older})
    key = token()
    assert [each["event"] for each in get("user_id:u1/events", key).json()["data"]] == ["Recent"]
    start = (now - timedelta(days=20)).date().isoformat()
    assert [each["event"] for each in get("user_id:u1/events", key, start=start).json()["data"]] == ["Recent", "Older"]


@pytest.mark.parametrize("sort", ["asc", "desc"])
def test_every_event_is_on_exactly_one_page_also_where_times_are_equal(sort: str) -> None:
    apply(*(track(f"Kind {number % 3}", userId="u1", minutes=number // 4) for number in range(41)))
    told = pages("user_id:u1/events", token(), "data", start="2026-01-01", limit=7, sort=sort)
    found = [each["message_id"] for page in told for each in page]
    times = [each["timestamp"] for page in told for each in page]
    assert len(set(found)) == len(found) == 41
    assert times == sorted(times, reverse=sort == "desc")


def test_include_exclude_start_and_end_choose_events(ada: int) -> None:
    key = token()

    def names(**parameters: object) -> list[str]:
        data = get("user_id:u1/events", key, **{"start": "2026-01-01", **parameters}).json()["data"]
        return [each["event"] or each["type"] for each in data]

    assert names() == ["Looked", "Bought", "identify"]
    assert names(sort="asc") == ["identify", "Bought", "Looked"]
    assert names(include="Looked,Bought") == ["Looked", "Bought"]
    assert names(exclude="Looked") == ["Bought", "identify"]
    assert names(start=at(1).isoformat()) == ["Looked", "Bought"]
    assert names(end=at(2).isoformat()) == ["Bought", "identify"]
    assert names(end="2025-01-01") == []
    assert names(end="2285-12-26T05:17:41.621-19:19") == ["Looked", "Bought", "identify"]


def test_a_page_of_somebody_with_many_events_reads_no_more_than_of_somebody_with_few() -> None:
    from profiles.api.segment_profiles import events
    from profiles.api.segment_profiles.query import Page

    apply(track("Bought", userId="few"), track("Looked", userId="few"))
    apply(track("Bought", userId="many"), track("Looked", userId="many"))
    many = person("user_id", "many")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events (bucket, kind, source_id, origin_id, event_id, ts, received_at, applied_at, name,"
            " message_id, properties, context) SELECT bucket, kind, source_id, origin_id, n, ts - n * interval '1 s',"
            " ts, ts, name, 'm' || n, '{}', '{}' FROM events CROSS JOIN generate_series(1, 20000) n"
            " WHERE origin_id IN (SELECT id FROM origin WHERE root_id = %s)",
            [many],
        )
        cursor.execute("ANALYZE events")
    wanted = events.Wanted(start=NOON - timedelta(days=20), end=NOON + timedelta(days=1))
    read = {}
    for name in ("few", "many"):
        with CaptureQueriesContext(connections["reads"]) as captured:
            events.find(profile_id=person("user_id", name), wanted=wanted, page=Page(limit=20))
        setting, _, statement = captured.captured_queries[-1]["sql"].partition(";\n")
        with connection.cursor() as cursor:
            cursor.execute(f"{setting}; EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}")
            plan = cursor.fetchone()[0][0]["Plan"]
        read[name] = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    assert read["many"] < read["few"] + 150, read


def test_links_are_the_accounts_of_group_calls() -> None:
    apply(
        group(userId="u1", groupId="acme", minutes=1, traits={"seats": 3}),
        group(userId="u1", groupId="acme", minutes=9),
        group(userId="u1", groupId="zeta", minutes=2),
    )
    key = token()
    data = get("user_id:u1/links", key).json()["data"]
    assert [each["to_collection"] for each in data] == ["accounts", "accounts"]
    first = data[0]["external_ids"][0]
    assert (first["id"], first["type"], first["collection"]) == ("acme", "group_id", "accounts")
    assert datetime.fromisoformat(first["created_at"]) == at(1)
    assert [len(page) for page in pages("user_id:u1/links", key, "data", limit=1)] == [1, 1]


def test_accounts_are_no_profiles_here() -> None:
    apply(group(userId="u1", groupId="acme"))
    path = "/v1/spaces/main/collections/accounts/profiles/group_id:acme/traits"
    answer = Client().get(path, headers={"Authorization": f"Bearer {token()}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_every_name_finds_the_person_whatever_is_in_it() -> None:
    odd = "https://id.example/u:1?x=\n+%"
    apply(track(userId=odd))
    apply(track(userId="plus"), alias(userId=odd, previousId="plus", minutes=1))
    key = token()
    for name in (f"user_id:{quote(odd, safe='')}", "user_id:plus", f"id:{to_public(person('user_id', odd))}"):
        answer = get(f"{name}/external_ids", key)
        assert answer.status_code == 200, name
        assert {each["id"] for each in answer.json()["data"]} >= {odd, "plus"}


def test_an_answer_has_a_request_id_and_no_cors(ada: int) -> None:
    answer = Client().get(
        f"{USERS}/user_id:u1/metadata",
        headers={"Authorization": f"Bearer {token()}", "Origin": "https://shop.example"},
    )
    assert answer["Request-Id"]
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert answer["RateLimit"].startswith('"reads";r=')


def test_too_many_reads_are_refused_in_their_shape(ada: int, settings) -> None:
    settings.CDP_READS_PER_MINUTE = 2
    key = token()
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:  # ids begin anew in an emptied database
        valkey.delete(f"cdp:limit:reads:key:{ApiKey.objects.get().pk}")
    statuses = [get("user_id:u1/metadata", key).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = get("user_id:u1/metadata", key)
    assert refused.json()["error"]["code"] == "rate_limit_error"
    assert int(refused["Retry-After"]) > 0


def test_no_record_no_answer(ada: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**facts: object) -> None:
        raise OperationalError("the disk is full")

    monkeypatch.setattr(access, "record", fail)
    answer = get("user_id:u1/traits", token())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "api_error")
    assert b"ada" not in answer.content


@pytest.mark.parametrize(
    ("path", "parameters", "status", "code"),
    [
        ("user_id:nobody/traits", {}, 404, "not_found"),
        ("shoe_size:43/traits", {}, 404, "not_found"),
        ("user_id:%00/traits", {}, 404, "not_found"),
        ("nobody/traits", {}, 400, "validation_error"),
        ("user_id:u1/traits", {"limit": "201"}, 400, "validation_error"),
        ("user_id:u1/traits", {"limit": "0"}, 400, "validation_error"),
        ("user_id:u1/traits", {"class": "other"}, 400, "validation_error"),
        ("user_id:u1/traits", {"verbose": "maybe"}, 400, "validation_error"),
        ("user_id:u1/events", {"start": "yesterday"}, 400, "validation_error"),
        ("user_id:u1/events", {"start": "2026-02-31"}, 400, "validation_error"),
        ("user_id:u1/events", {"end": "9999-12-31T23:59:59-23:59"}, 400, "validation_error"),
        ("user_id:u1/events", {"sort": "up"}, 400, "validation_error"),
        ("user_id:u1/events", {"next": "bm90aGluZw"}, 400, "validation_error"),
        ("user_id:u1/events", {"include": "\x00"}, 400, "validation_error"),
        ("user_id:u1/links", {"limit": "21"}, 400, "validation_error"),
        ("user_id:u1/shoes", {}, 404, "not_found"),
    ],
)
def test_errors_have_their_shape(ada: int, path: str, parameters: dict[str, str], status: int, code: str) -> None:
    answer = get(path, token(), **parameters)
    assert answer.status_code == status, answer.content
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["message"]


def test_a_cursor_of_another_list_is_refused(ada: int) -> None:
    key = token()
    after = get("user_id:u1/traits", key, limit=1).json()["cursor"]["next"]
    refused = get("user_id:u1/external_ids", key, next=after)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "validation_error")


def test_who_may_not_read(ada: int) -> None:
    assert Client().get(f"{USERS}/user_id:u1/traits").json()["error"]["code"] == "authentication_error"
    assert get("user_id:u1/traits", "cdp_sk_nonsense").status_code == 401
    assert get("user_id:u1/traits", token(scopes=(Scope.SEGMENTS_READ,))).status_code == 403
    assert get("user_id:u1/traits", token(), purpose="marketing").status_code == 403
    assert Client().post(f"{USERS}/user_id:u1/traits").status_code == 405
