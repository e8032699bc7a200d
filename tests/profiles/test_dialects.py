"""Every client's way of saying the same thing comes out as the same event; what cannot be kept is refused by name."""

import gzip
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from profiles.ingest import dialects
from profiles.ingest.bodies import BodyRefused, inflate, open_body
from profiles.ingest.incoming import MAX_BODY_BYTES, ClockFlag, IncomingEvent, Kind, Rejected

RECEIVED = datetime(2026, 11, 21, 22, 15, 40, tzinfo=UTC)
SENT = "2026-11-21T22:15:40+00:00"


@dataclass(frozen=True, slots=True)
class Row:
    body: bytes
    route: str = "batch"
    id: int = 7
    received_at: datetime = RECEIVED
    assurance: str = "server"
    ip: str | None = None
    event_count: int = 1


def read(body: Any, **row: Any) -> list[IncomingEvent | Rejected]:
    return dialects.events(Row(body if isinstance(body, bytes) else json.dumps(body).encode(), **row))


def read_one(event: Any, *, batch: dict[str, Any] | None = None, **row: Any) -> IncomingEvent:
    found = refuse_or_read(event, batch=batch, **row)
    assert isinstance(found, IncomingEvent), found
    return found


def refused(event: Any, **row: Any) -> Rejected:
    found = refuse_or_read(event, **row)
    assert isinstance(found, Rejected), found
    return found


def refuse_or_read(event: Any, *, batch: dict[str, Any] | None = None, **row: Any) -> IncomingEvent | Rejected:
    if isinstance(event, bytes):
        (found,) = read(b'{"batch":[' + event + b"]}", **row)
    else:
        (found,) = read({"batch": [event], **(batch or {})}, **row)
    return found


def track(**fields: Any) -> dict[str, Any]:
    return {"type": "track", "userId": "u_1", "event": "Order Completed", "messageId": "m-1"} | fields


# -- what real clients send ---------------------------------------------------------------------------------------
SEGMENT_PYTHON = {
    "batch": [
        {
            "integrations": {},
            "anonymousId": None,
            "timestamp": "2026-11-21T22:15:36.735+00:00",
            "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
            "type": "identify",
            "userId": "u_1",
            "traits": {"email": "a@example.com", "plan": "pro"},
            "messageId": "ed694603-1cc0-45ad-8a56-b0ce3e9259fe",
        }
    ],
    "sentAt": "2026-11-21T22:15:37.235931+00:00",
    "writeKey": "WRITE_KEY_1",
}
RUDDER_PYTHON = {
    "batch": [
        {
            "integrations": {"All": True},
            "anonymousId": None,
            "timestamp": "2026-11-21T22:15:36.735000+00:00",
            "context": {"traits": {"email": "a@example.com", "plan": "pro"}, "library": {"name": "analytics-python"}},
            "type": "identify",
            "userId": "u_1",
            "messageId": "ed694603-1cc0-45ad-8a56-b0ce3e9259fe",
            "channel": "server",
        }
    ],
    "sentAt": "2026-11-21T22:15:37.235931+00:00",
}
NODE_LEGACY = {
    "batch": [
        {
            "userId": "u_1",
            "traits": {"email": "a@example.com", "plan": "pro"},
            "type": "identify",
            "context": {"library": {"name": "analytics-node", "version": "6.2.0"}},
            "_metadata": {"nodeVersion": "20.20.2"},
            "timestamp": "2026-11-21T22:15:36.735Z",
            "messageId": "ed694603-1cc0-45ad-8a56-b0ce3e9259fe",
        }
    ],
    "timestamp": "2026-11-21T22:15:37.235Z",
    "sentAt": "2026-11-21T22:15:37.235931Z",
}


@pytest.mark.parametrize("body", [SEGMENT_PYTHON, RUDDER_PYTHON, NODE_LEGACY], ids=["segment", "rudder", "node-6"])
def test_an_identify_call_comes_out_the_same_from_every_server_client(body: dict[str, Any]) -> None:
    (event,) = read(body)

    assert isinstance(event, IncomingEvent)
    assert (event.kind, event.name, event.user_id, event.anonymous_id) == (Kind.IDENTIFY, "$identify", "u_1", None)
    assert event.traits == event.properties == {"email": "a@example.com", "plan": "pro"}
    assert event.message_id == "ed694603-1cc0-45ad-8a56-b0ce3e9259fe"
    assert event.original_at == datetime(2026, 11, 21, 22, 15, 36, 735000, tzinfo=UTC)
    assert event.sent_at == datetime(2026, 11, 21, 22, 15, 37, 235931, tzinfo=UTC)
    assert event.ts == RECEIVED - (event.sent_at - event.original_at)


def test_a_browser_page_call_keeps_its_name_and_category_as_properties() -> None:
    event = read_one({
        "type": "page",
        "name": "Home",
        "category": "Docs",
        "channel": "web",
        "properties": {"path": "/docs", "name": "Start"},
        "userId": "",
        "anonymousId": "ec3b1c0b",
        "originalTimestamp": "2026-11-21T22:15:39.000Z",
        "sentAt": "2026-11-21T22:15:40.000Z",
        "messageId": "8ca5010b",
    })  # fmt: skip

    assert (event.kind, event.name) == (Kind.PAGE, "Page Viewed")
    assert event.properties == {"path": "/docs", "name": "Start", "category": "Docs"}
    assert (event.user_id, event.anonymous_id) == (None, "ec3b1c0b")
    assert event.ts == RECEIVED - timedelta(seconds=1)


def test_a_single_call_takes_its_type_from_the_path_whatever_the_body_says() -> None:
    (event,) = read({"userId": "u_1", "groupId": "g_9", "traits": {"name": "Acme"}, "type": "track"}, route="group")

    assert isinstance(event, IncomingEvent)
    assert (event.kind, event.name, event.group_id) == (Kind.GROUP, "$group", "g_9")
    assert (event.traits, event.properties) == ({}, {"name": "Acme"})


def test_an_alias_call_needs_the_other_id() -> None:
    event = read_one({"type": "alias", "userId": "u_1", "previousId": "anon"})

    assert (event.kind, event.name, event.previous_id) == (Kind.ALIAS, "$alias", "anon")
    assert refused({"type": "alias", "userId": "u_1"}).field == "previousId"
    assert refused({"type": "alias", "anonymousId": "a"}).field == "userId"


def test_traits_in_both_places_are_merged_and_the_outer_ones_win() -> None:
    event = read_one(
        {
            "type": "identify",
            "userId": "u",
            "traits": {"plan": "pro"},
            "context": {"traits": {"plan": "free", "age": 3}},
        }
    )

    assert event.traits == {"plan": "pro", "age": 3}


def test_traits_in_the_context_of_a_track_call_are_not_stated_again() -> None:
    assert read_one(track(context={"traits": {"plan": "old"}})).traits == {}


def test_the_context_of_the_batch_is_given_to_each_event_which_may_override_it() -> None:
    event = read_one(track(context={"locale": "de"}), batch={"context": {"locale": "en", "app": {"name": "shop"}}})

    assert event.context == {"locale": "de", "app": {"name": "shop"}}


@pytest.mark.parametrize("absent", [{}, {"userId": None}, {"userId": ""}, {"userId": "  "}])
def test_null_empty_and_absent_ids_are_the_same(absent: dict[str, Any]) -> None:
    event = {"type": "track", "event": "Seen", "anonymousId": "a_1"} | absent

    assert read_one(event).user_id is None


def test_a_number_as_an_id_is_its_digits() -> None:
    event = read_one(track(userId=17850, messageId=5))

    assert (event.user_id, event.message_id) == ("17850", "5")


def test_a_missing_message_id_is_made_from_row_and_position_so_that_reading_again_gives_the_same() -> None:
    body = {"batch": [track(messageId=None), track(messageId="")]}

    assert [event.message_id for event in read(body)] == ["cdp-7-0", "cdp-7-1"]
    assert read(body) == read(body)


def test_the_address_is_filled_in_for_browsers_and_for_servers_that_ask() -> None:
    assert read_one(track(), ip="203.0.113.7", assurance="client").context == {"ip": "203.0.113.7"}
    assert read_one(track(context={"ip": "8.8.8.8"}), ip="203.0.113.7", assurance="client").context["ip"] == "8.8.8.8"
    assert read_one(track(), ip="203.0.113.7").context == {}
    assert read_one(track(context={"direct": True}), ip="203.0.113.7").context["ip"] == "203.0.113.7"


@pytest.mark.parametrize("key", ["consent", "consentManagement"])
def test_what_the_event_says_about_consent_is_handed_on_and_never_dropped(key: str) -> None:
    stated = {"categoryPreferences": {"Advertising": False}}

    assert read_one(track(context={key: stated})).consent == stated
    assert refused(track(context={key: "yes"})).field == f"context.{key}"


# -- when ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "ts", "flag"),
    [
        ({}, RECEIVED, ClockFlag.AS_GIVEN),
        ({"timestamp": "2024-01-02T03:04:05Z"}, datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), ClockFlag.AS_GIVEN),
        ({"timestamp": "2024-01-02T03:04:05"}, datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), ClockFlag.AS_GIVEN),
        ({"timestamp": "2024-01-02T03:04:05+02:00"}, datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC), ClockFlag.AS_GIVEN),
        # The sender's clock is a year slow; the event happened a minute before it was sent.
        (
            {"timestamp": "2025-11-21T22:14:40Z", "sentAt": "2025-11-21T22:15:40Z"},
            RECEIVED - timedelta(minutes=1),
            ClockFlag.SKEWED,
        ),
        # Both: the caller means this moment, the SDK only noted when it was called.
        (
            {"timestamp": "2024-01-02T03:04:05Z", "originalTimestamp": "2026-11-21T22:15:39Z", "sentAt": SENT},
            datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
            ClockFlag.AS_GIVEN,
        ),
        ({"originalTimestamp": "2026-11-21T22:15:39Z", "sentAt": SENT}, RECEIVED - timedelta(seconds=1), 0),
        ({"timestamp": "2026-11-22T10:00:00Z"}, RECEIVED, ClockFlag.CLAMPED),
        ({"timestamp": "2026-11-22T22:15:40Z"}, RECEIVED, ClockFlag.CLAMPED),
    ],
)
def test_times_are_corrected_by_the_senders_clock(given: dict[str, str], ts: datetime, flag: ClockFlag) -> None:
    event = read_one(track(**given))

    assert (event.ts, event.clock_flag, event.received_at) == (ts, flag, RECEIVED)


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"timestamp": "1970-01-01T00:00:00Z"}, "time_too_old", "timestamp"),
        ({"originalTimestamp": "1999-12-31T23:59:59Z"}, "time_too_old", "originalTimestamp"),
        ({"timestamp": "2200-01-01T00:00:00Z"}, "time_ahead", "timestamp"),
        ({"timestamp": "2026-11-22T22:15:41Z"}, "time_ahead", "timestamp"),
        ({"timestamp": "yesterday"}, "invalid_time", "timestamp"),
        ({"timestamp": 1700000000}, "invalid_time", "timestamp"),
        ({"timestamp": {"a": 1}}, "invalid_time", "timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "invalid_time", "timestamp"),
        ({"timestamp": "9999-12-31T23:59:59Z", "sentAt": "2000-01-01T00:00:00Z"}, "invalid_time", "timestamp"),
        ({"sentAt": "now"}, "invalid_time", "sentAt"),
    ],
)
def test_times_that_cannot_be_true_are_refused(given: dict[str, Any], code: str, field: str) -> None:
    found = refused(track(**given))

    assert (found.code, found.field) == (code, field)
    assert field in found.reason


# -- what is refused ----------------------------------------------------------------------------------------------
def raw(properties: bytes) -> bytes:
    return b'{"type":"track","userId":"u","event":"E","properties":' + properties + b"}"


TOO_MANY = {f"p{n}": n for n in range(301)}
DEEP = b'{"a":' * 40 + b"1" + b"}" * 40
VERY_DEEP = b"[" * 700 + b"]" * 700


@pytest.mark.parametrize(
    ("event", "code", "field"),
    [
        (b"5", "not_an_object", ""),
        (b"null", "not_an_object", ""),
        (b'["track"]', "not_an_object", ""),
        ({"userId": "u", "event": "E"}, "unknown_type", "type"),
        (track(type="purchase"), "unknown_type", "type"),
        (track(type=5), "wrong_type", "type"),
        (track(userId=None), "missing_id", "userId"),
        (track(userId={"id": 1}), "wrong_type", "userId"),
        (track(userId=True), "wrong_type", "userId"),
        (track(userId="x" * 501), "too_long", "userId"),
        (track(userId=10**40), "invalid_number", "userId"),
        (track(event=None), "missing_event", "event"),
        (track(event=" "), "missing_event", "event"),
        (track(event="x" * 201), "too_long", "event"),
        (track(event="$identify"), "reserved_name", "event"),
        (track(messageId="x" * 101), "too_long", "messageId"),
        (track(properties=[1]), "wrong_type", "properties"),
        (track(context="web"), "wrong_type", "context"),
        (track(properties=TOO_MANY), "too_many_properties", "properties"),
        ({"type": "identify", "userId": "u", "traits": TOO_MANY}, "too_many_properties", "traits"),
        ({"type": "group", "userId": "u"}, "missing_group_id", "groupId"),
        (track(properties={"text": "x" * 32_768}), "event_too_large", ""),
        (track(properties={"a": [{"b": "x\x00y"}]}), "invalid_text", "properties.a[0].b"),
        (track(properties={"a\x00": 1}), "invalid_text", "properties"),
        (track(userId="\x00"), "invalid_text", "userId"),
        (track(properties={"a": "\ud800"}), "invalid_text", "properties.a"),
        (b'{"type":"track","userId":"u","event":"\xff"}', "invalid_text", "event"),
        (raw(b'{"price":1e999}'), "invalid_number", "properties.price"),
        (raw(b'{"price":NaN}'), "invalid_number", "properties.price"),
        (raw(b'{"x":[-Infinity]}'), "invalid_number", "properties.x[0]"),
        (track(properties={"price": 1e30}), "invalid_number", "properties.price"),
        (track(properties={"price": -(10**29)}), "invalid_number", "properties.price"),
        (raw(b'{"n":' + b"9" * 5000 + b"}"), "invalid_number", "properties.n"),
        (raw(DEEP), "too_deep", "properties" + ".a" * 31),
        (raw(b'{"a":' + VERY_DEEP + b"}"), "too_deep", None),
    ],
)  # fmt: skip
def test_an_event_that_cannot_be_kept_is_refused_with_its_field(event: Any, code: str, field: str | None) -> None:
    found = refused(event)

    assert found.code == code
    assert field is None or found.field == field
    assert found.reason.endswith(".")
    assert found.payload


def test_a_bad_event_never_costs_the_good_ones_of_its_batch() -> None:
    good = json.dumps(track()).encode()
    for bad in (b"7", b'{"a":NaN}', b'{"a":"\\ud800"}', b'{"a":"\xff"}', b'{"a":"\\u0000"}', b'{"a":1e999}', VERY_DEEP):
        found = read(b'{"batch":[' + good + b"," + bad + b"," + good + b"]}")

        assert [type(event) for event in found] == [IncomingEvent, Rejected, IncomingEvent], bad
        assert [event.position for event in found] == [0, 1, 2]


@pytest.mark.parametrize(
    ("batch", "field"),
    [
        ({"sentAt": "soon"}, "sentAt"),
        ({"context": []}, "context"),
        ({"context": {"a": "\x00"}}, "context.a"),
        ({"context": {"a": 1e300}}, "context.a"),
    ],
)
def test_what_is_wrong_with_the_whole_batch_is_told_of_each_of_its_events(batch: dict[str, Any], field: str) -> None:
    found = read({"batch": [track(), track()], **batch})

    assert [(type(event), event.field) for event in found] == [(Rejected, field)] * 2


@pytest.mark.parametrize("field", ["context", "sentAt"])
def test_what_is_said_of_a_whole_batch_is_bounded_and_not_kept_with_every_event(field: str) -> None:
    said = "x" * 200_000
    batch = {field: {"a": said} if field == "context" else said}
    outcome = read({"batch": [track()] * 10, **batch}, event_count=10)
    assert {(one.code, one.field) for one in outcome if isinstance(one, Rejected)} == {("event_too_large", field)}
    for one in outcome:
        assert isinstance(one, Rejected)
        assert len(one.payload) < 1_000
        with pytest.raises(BodyRefused):
            open_body(one.payload, route="batch")


@pytest.mark.parametrize("kind", ["track", "page", "identify", "group"])
def test_names_are_as_long_as_an_index_can_hold(kind: str) -> None:
    part = "traits" if kind in ("identify", "group") else "properties"
    event = {**track(), "type": kind, "groupId": "g"}
    assert read_one({**event, part: {"x" * 200: 1}}).properties == {"x" * 200: 1}
    outcome = refused({**event, part: {"a": 1, "x" * 201: 1}})
    assert (outcome.code, outcome.field) == ("too_long", part)


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert read_one(track(properties={"a": "\\u0000"})).properties == {"a": "\\u0000"}


def test_numbers_within_the_limit_are_kept_exactly() -> None:
    kept = {"a": 12.5, "b": 10**20, "c": -1e28, "d": 0.1, "e": 1e-300}

    assert read_one(track(properties=kept)).properties == kept


@pytest.mark.parametrize("route", ["track", "batch"])
def test_what_is_kept_of_a_refused_event_can_be_sent_again_as_it_is(route: str) -> None:
    shared = {"sentAt": SENT, "context": {"locale": "en"}}
    event = {"event": "Seen", "timestamp": "2026-11-21T22:15:39Z"}
    body = event if route == "track" else {"batch": [track(), event | {"type": "track"}], **shared}
    found = read(body, route=route)[-1]
    assert isinstance(found, Rejected)

    again = json.loads(found.payload)
    again["batch"][0]["userId"] = "u_1"
    (mended,) = read(again)

    assert isinstance(mended, IncomingEvent)
    assert (mended.kind, mended.ts) == (Kind.TRACK, RECEIVED - timedelta(seconds=1))
    assert mended.context == ({} if route == "track" else {"locale": "en"})


def test_an_empty_single_call_is_kept_as_a_batch_too() -> None:
    (found,) = read({}, route="track")

    assert isinstance(found, Rejected)
    assert json.loads(found.payload)["batch"] == [{"type": "track"}]


# -- bodies -------------------------------------------------------------------------------------------------------
def test_gzip_is_recognised_by_its_first_bytes() -> None:
    body = json.dumps(SEGMENT_PYTHON).encode()

    assert read(gzip.compress(body)) == read(body)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (gzip.compress(b" " * (MAX_BODY_BYTES + 1)), 413, "body_too_large"),
        (gzip.compress(b'{"batch":[]}')[:-9], 400, "invalid_gzip"),
        (b"\x1f\x8b plainly not", 400, "invalid_gzip"),
    ],
)
def test_gzip_that_is_broken_or_grows_too_large_is_refused(body: bytes, status: int, code: str) -> None:
    with pytest.raises(BodyRefused) as error:
        inflate(body)

    assert (error.value.status, error.value.code) == (status, code)


@pytest.mark.parametrize(
    ("body", "route", "status", "code"),
    [
        (b"", "batch", 400, "empty_body"),
        (b" \n", "track", 400, "empty_body"),
        (b"{", "batch", 400, "invalid_json"),
        (b'{"batch":[{"a":1}', "batch", 400, "invalid_json"),
        (b"track=1&x=2", "track", 400, "invalid_json"),
        (b"[]", "track", 400, "invalid_event"),
        (b"[]", "batch", 400, "invalid_batch"),
        (b"{}", "batch", 400, "invalid_batch"),
        (b'{"batch":{}}', "batch", 400, "invalid_batch"),
        (b'{"batch":NaN}', "batch", 400, "invalid_batch"),
        (b'{"batch":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}", "batch", 400, "too_deep"),
        (b'{"a":' * 100_000, "track", 400, "too_deep"),
        (b'{"batch":[NaN,' + b"[" * 100_000 + b"]" * 100_000 + b"]}", "batch", 400, "too_deep"),
        (b'{"batch":[' + b"1," * 2500 + b"1]}", "batch", 413, "too_many_events"),
    ],
)
def test_a_body_that_is_no_list_of_events_is_refused_as_a_whole(
    body: bytes, route: str, status: int, code: str
) -> None:
    with pytest.raises(BodyRefused) as error:
        open_body(body, route=route)

    assert (error.value.status, error.value.code) == (status, code)


def test_the_limit_of_a_batch_is_still_a_batch() -> None:
    assert len(open_body(b'{"batch":[' + b"1," * 2499 + b"1]}", route="batch").events) == 2500
