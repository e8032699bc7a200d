"""The door for events over HTTP: who is let in, what is answered, and what stands in the inbox afterwards."""

import base64
import gzip
import io
import json
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from cdp import api_keys
from cdp.models import KeyKind, Scope
from profiles.ingest import accounting, inbox, views
from profiles.ingest.incoming import MAX_BODY_BYTES
from profiles.models import InboxRow, Source

pytestmark = pytest.mark.django_db

BATCH = {"batch": [{"type": "track", "userId": "u", "event": "Seen", "messageId": "m"}]}


@pytest.fixture
def browser_key() -> str:
    return issue(KeyKind.PUBLIC, source="shop front")


@pytest.fixture
def server_key() -> str:
    return issue(KeyKind.SECRET, source="shop")


def issue(kind: KeyKind, *, source: str, scopes: tuple[Scope, ...] = (Scope.INGEST_WRITE,)) -> str:
    _, token = api_keys.issue(kind=kind, name=source, scopes=scopes, source=source, by=None, now=timezone.now())
    return token


def send(body: Any, *, path: str = "/v1/batch", key: str = "", **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    if key:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
    return Client(raise_request_exception=False).post(path, content, content_type="text/plain", headers=headers)


def test_a_request_becomes_one_row_as_it_was_sent_and_is_answered_exactly_200(server_key: str) -> None:
    body = gzip.compress(json.dumps(BATCH).encode())
    answer = send(body, key=server_key)

    assert (answer.status_code, answer.content) == (200, b'{"success": true}')
    assert answer["Content-Type"] == "application/json"
    row = InboxRow.objects.get()
    assert bytes(row.body) == body
    assert (row.route, row.size, row.event_count, row.assurance, row.gpc) == ("batch", len(body), 1, "server", False)
    assert Source.objects.get(id=row.source_id).key == "shop"


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/batch", "batch"),
        ("/v1/batch/", "batch"),
        ("/v1/b", "batch"),
        ("/beacon/v1/batch", "batch"),
        ("/v1/track", "track"),
        ("/v1/identify/", "identify"),
        ("/v1/page", "page"),
        ("/v1/screen", "screen"),
        ("/v1/group", "group"),
        ("/v1/alias", "alias"),
        ("/v1/i", "identify"),
        ("/v1/t", "track"),
        ("/v1/p", "page"),
        ("/v1/s", "screen"),
        ("/v1/g", "group"),
        ("/v1/a", "alias"),
        ("/api/s/identify", "identify"),
    ],
)
def test_every_route_that_clients_call_leads_to_the_inbox(server_key: str, path: str, route: str) -> None:
    answer = send(BATCH if route == "batch" else {"userId": "u", "event": "Seen"}, path=path, key=server_key)

    assert answer.status_code == 200
    assert InboxRow.objects.get().route == route


@pytest.mark.parametrize("where", ["basic", "basic without a colon", "x-write-key", "body", "query", "first event"])
def test_the_write_key_is_found_wherever_clients_put_it(server_key: str, where: str) -> None:
    body, path, headers = dict(BATCH), "/v1/batch", {}
    if where == "basic":
        headers["Authorization"] = "Basic " + base64.b64encode(f"{server_key}:".encode()).decode()
    elif where == "basic without a colon":
        headers["Authorization"] = "Basic " + base64.b64encode(server_key.encode()).decode()
    elif where == "x-write-key":
        # Jitsu masks the key in the body: the header has to win.
        headers["X-Write-Key"] = server_key
        body["writeKey"] = "WK:***"
    elif where == "body":
        body["writeKey"] = server_key
    elif where == "query":
        path += f"?writeKey={server_key}"
    else:
        body = {"batch": [BATCH["batch"][0] | {"writeKey": server_key}]}

    assert send(body, path=path, **headers).status_code == 200
    assert InboxRow.objects.count() == 1


def test_the_key_of_a_single_call_may_stand_in_its_body(server_key: str) -> None:
    assert send({"userId": "u", "event": "Seen", "writeKey": server_key}, path="/v1/t").status_code == 200


REFUSED_KEYS = {
    "none": ({}, "missing_write_key"),
    "not base64": ({"Authorization": "Basic !!!"}, "invalid_authorization"),
    "not text": ({"Authorization": "Basic /w=="}, "invalid_authorization"),
    "unknown": ({"X-Write-Key": "WRITE_KEY_1"}, "unknown_write_key"),
    "odd characters": ({"X-Write-Key": "cdp_pk_1_\x7f"}, "unknown_write_key"),
}


@pytest.mark.parametrize(("headers", "code"), REFUSED_KEYS.values(), ids=REFUSED_KEYS)
def test_a_stranger_is_answered_401_with_code_and_message(headers: dict[str, str], code: str) -> None:
    answer = send(BATCH, **headers)

    assert answer.status_code == 401
    told = answer.json()
    assert (told["success"], told["code"]) == (False, code)
    assert told["message"]
    assert InboxRow.objects.count() == 0


@pytest.mark.parametrize("written", [5, None, [], {"a": 1}, "\ud800", "\x00"])
def test_a_key_in_the_body_that_is_no_text_is_no_key(written: object) -> None:
    assert send(BATCH | {"writeKey": written}).status_code == 401


def test_a_revoked_key_and_a_key_for_something_else_are_answered_401(server_key: str) -> None:
    assert send(BATCH, key=server_key).status_code == 200
    key = api_keys.ApiKey.objects.get(source="shop")
    api_keys.revoke(key=key, by=None, now=timezone.now())
    api_keys._believed.clear()
    assert send(BATCH, key=server_key).json()["code"] == "unknown_write_key"

    reader = issue(KeyKind.SECRET, source="app", scopes=(Scope.PROFILES_READ,))
    assert send(BATCH, key=reader).json()["code"] == "not_a_write_key"


def test_a_browsers_key_is_client_assured_and_only_its_gpc_signal_counts(browser_key: str, server_key: str) -> None:
    send(BATCH, key=browser_key, **{"Sec-GPC": "1"})
    send(BATCH, key=server_key, **{"Sec-GPC": "1"})

    rows = InboxRow.objects.order_by("id").values_list("assurance", "gpc", "ip")
    assert list(rows) == [("client", True, "127.0.0.1"), ("server", False, "127.0.0.1")]
    assert list(Source.objects.order_by("id").values_list("key", "kind")) == [
        ("shop-front", "browser"),
        ("shop", "server"),
    ]


def test_browsers_are_let_through_their_preflight_and_may_read_the_answer(browser_key: str) -> None:
    preflight = Client().options("/v1/t", headers={"Origin": "https://shop.example"})
    assert preflight.status_code == 204
    assert "authorization" in preflight["Access-Control-Allow-Headers"]

    answer = send({"userId": "u", "event": "E"}, path="/v1/t", key=browser_key, Origin="https://shop.example")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Access-Control-Expose-Headers"] == "Retry-After, ETag, RateLimit, RateLimit-Policy"


def test_an_empty_batch_is_taken_and_leaves_nothing(server_key: str) -> None:
    assert send({"batch": []}, key=server_key).status_code == 200
    assert InboxRow.objects.count() == 0


def test_other_methods_and_other_addresses_are_answered_in_json(server_key: str) -> None:
    assert Client().get("/v1/batch").json()["code"] == "method_not_allowed"
    unknown = send(BATCH, path="/v1/purchase", key=server_key)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert unknown.json()["message"]


@pytest.mark.parametrize(("padding", "status"), [(b"", 200), (b" " * MAX_BODY_BYTES, 413)])
def test_a_body_of_unstated_length_is_read_to_its_end(server_key: str, padding: bytes, status: int) -> None:
    stream = io.BytesIO(json.dumps(BATCH).encode() + padding)
    chunked = {"wsgi.input": stream, "CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = Client().generic("POST", "/v1/batch", headers={"X-Write-Key": server_key}, **chunked)

    assert answer.status_code == status
    assert stream.read() == b""


def test_a_connection_that_ends_in_mid_body_is_400(server_key: str) -> None:
    class Broken(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError("reset")

    chunked = {"wsgi.input": Broken(), "CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = Client().generic("POST", "/v1/batch", headers={"X-Write-Key": server_key}, **chunked)

    assert (answer.status_code, answer.json()["code"]) == (400, "body_cut_short")


def test_a_database_that_is_away_is_503_with_retry_after(server_key: str) -> None:
    def away(*_: object) -> None:
        raise OperationalError("the connection is closed")

    send(BATCH, key=server_key)
    with connection.execute_wrapper(away):
        answer = send(BATCH, key=server_key)

    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert answer.json()["code"] == "unavailable"


# -- bad input ----------------------------------------------------------------------------------------------------
EVENT = b'{"type":"track","userId":"u","event":"Seen"}'
BAD_BODIES = {
    "empty": b"",
    "cut short": b'{"batch":[' + EVENT,
    "not json": b"event=Seen&userId=u",
    "a list": b"[" + EVENT + b"]",
    "a number": b"7",
    "no batch": b'{"events":[]}',
    "batch no list": b'{"batch":{"0":{}}}',
    "depth bomb of lists": b'{"batch":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
    "depth bomb of objects": b'{"batch":[' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"]}",
    "open depth bomb": b"[" * 1_000_000,
    "bytes": bytes(range(256)),
    "utf-16": '{"batch":[]}'.encode("utf-16"),
    "nul bytes": b'{"batch":["\x00"]}',
    "5 MB": b'{"batch":[' + EVENT + b"]," + b" " * 5_000_000 + b'"a":1}',
    "gzip bomb": gzip.compress(b"[" * 200_000_000, 1),
    "broken gzip": b"\x1f\x8b\x08" + b"x" * 100,
    "cut gzip": gzip.compress(b'{"batch":[]}')[:12],
    "too many events": b'{"batch":[' + b"0," * 3_000 + b"0]}",
}
BAD_EVENTS = {
    "nul": b'{"type":"track","userId":"u","event":"a\\u0000b"}',
    "nul in a key": b'{"type":"track","userId":"u","event":"E","properties":{"\\u0000":1}}',
    "lone surrogate": b'{"type":"track","userId":"u","event":"E","properties":{"a":"\\ud800"}}',
    "1e999": b'{"type":"track","userId":"u","event":"E","properties":{"a":1e999}}',
    "NaN": b'{"type":"track","userId":"u","event":"E","properties":{"a":NaN}}',
    "5,000 digits": b'{"type":"track","userId":"u","event":"E","properties":{"a":' + b"9" * 5000 + b"}}",
    "depth of 100": b'{"type":"track","userId":"u","event":"E","properties":{"a":' + b"[" * 100 + b"]" * 100 + b"}}",
    "not utf-8": b'{"type":"track","userId":"u","event":"\xff\xfe"}',
    "wrong type": b'{"type":"track","userId":{"a":1},"event":"E"}',
    "missing ids": b'{"type":"track","event":"E"}',
    "1970": b'{"type":"track","userId":"u","event":"E","timestamp":"1970-01-01T00:00:00Z"}',
    "2200": b'{"type":"track","userId":"u","event":"E","timestamp":"2200-01-01T00:00:00Z"}',
    "no object": b'"track"',
}


@pytest.mark.parametrize("route", ["/v1/batch", "/v1/track", "/v1/identify"])
@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body_is_4xx_with_a_reason_or_is_kept(server_key: str, name: str, route: str) -> None:
    answer = send(BAD_BODIES[name], path=route, key=server_key)

    assert 400 <= answer.status_code < 500 or (answer.status_code == 200 and InboxRow.objects.count() == 1)
    if answer.status_code != 200:
        assert answer.json()["code"]
        assert answer.json()["message"]
        assert InboxRow.objects.count() == 0


@pytest.mark.parametrize("name", BAD_EVENTS)
def test_a_bad_event_is_accepted_with_its_batch_for_the_worker_to_refuse(server_key: str, name: str) -> None:
    answer = send(b'{"batch":[' + EVENT + b"," + BAD_EVENTS[name] + b"]}", key=server_key)

    assert answer.status_code == 200
    assert accounting.totals() == accounting.Totals(accepted=2, stored=0, duplicate=0, rejected=0, pending=2, parked=0)


def test_a_source_whose_name_is_no_slug_gets_a_key_that_is_one() -> None:
    assert inbox.source_key("Online shop (ü)") == "online-shop-u"
    assert inbox.source_key("店") == "unnamed"
    assert len(inbox.source_key("x" * 200)) == 64


def test_letters_are_the_first_of_what_they_stand_for() -> None:
    assert all(full.startswith(letter) for letter, full in views.ROUTES.items())
