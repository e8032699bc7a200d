"""What existing SDKs call besides the batch route, and how they call it: INTERFACES as tables, over the real doors."""

import base64
import json
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client, override_settings
from django.utils import timezone
from prometheus_client import REGISTRY

from cdp import api_keys
from cdp.models import KeyKind, Scope
from profiles.ingest import backlog
from profiles.ingest.pixel import GIF
from profiles.models import InboxRow, RejectedEvent
from tests.clients.calls import CALLS, ORIGIN, SEEN, Call, basic, make
from tests.profiles import stream

pytestmark = pytest.mark.django_db


@pytest.fixture
def key() -> str:
    return issue(KeyKind.PUBLIC, "front")


@pytest.fixture(autouse=True)
def _measured_anew() -> None:
    backlog.forget()


def issue(kind: KeyKind, source: str) -> str:
    rights = {"scopes": [Scope.INGEST_WRITE], "source": source, "by": None, "now": timezone.now()}
    return api_keys.issue(kind=kind, name=source, **rights)[1]


def encoded(event: Any) -> str:
    return base64.b64encode(json.dumps(event).encode()).decode()


def stored() -> list[tuple[Any, ...]]:
    stream.work()
    return stream.rows("SELECT name, message_id FROM events ORDER BY message_id")


# -- the captured requests of every SDK, old and new -------------------------------------------------------------------
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_request_as_this_client_sends_it_is_answered_exactly_200_and_stored(key: str, call: Call) -> None:
    answer = make(call, key)

    assert (answer.status_code, answer.json()) == (200, {"success": True})
    stream.work()
    found = stream.rows(
        "SELECT e.message_id, e.name, i.value FROM events e JOIN identifier i USING (origin_id)"
        " WHERE i.type IN ('user_id', 'anonymous_id')"
    )
    assert {message_id: (name, who) for message_id, name, who in found} == call.keeps
    if call.headers.get("Origin"):
        assert answer["Access-Control-Allow-Origin"] in ("*", call.headers["Origin"])


def test_traits_that_are_only_in_the_context_are_the_persons(key: str) -> None:
    make(CALLS["rudder python: gzip, traits in context"], key)
    stream.work()
    assert stream.one("SELECT traits->>'plan' FROM profile") == "pro"


# -- browsers ---------------------------------------------------------------------------------------------------------
SINGLE = ("identify", "track", "page", "screen", "group", "alias")
ROUTES = [
    *("/v1/batch", "/v1/b", "/v1/m", "/beacon/v1/batch"),
    *(f"/v1/{route}" for route in SINGLE),
    *(f"/v1/{route[0]}" for route in SINGLE),
    *(f"/api/s/{route}" for route in SINGLE),
]
READ = ["/v1/projects/k/settings", "/sourceConfig", *(f"/v1/pixel/{route}" for route in SINGLE)]
ASKED = (
    "authorization", "content-type", "content-encoding", "anonymousid", "sentat", "x-retry-count", "x-write-key",
    "if-none-match", "rsa-retry-attempt", "rsa-retry-reason", "rsa-since-first-attempt", "rsa-since-last-attempt",
)  # fmt: skip


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(("path", "method"), [*((path, "POST") for path in ROUTES), *((path, "GET") for path in READ)])
def test_a_preflight_names_every_header_that_sdks_send(path: str, method: str, slash: str) -> None:
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": ",".join(ASKED)}
    answer = Client().options(path + slash, headers=ORIGIN | asked)

    assert answer.status_code == 204
    allowed = answer["Access-Control-Allow-Headers"].replace(" ", "").split(",")
    assert set(ASKED) <= set(allowed)
    assert method in answer["Access-Control-Allow-Methods"]
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Access-Control-Max-Age"] == "600"


@pytest.mark.parametrize("path", [path + slash for path in ROUTES for slash in ("", "/")])
def test_refusals_are_told_to_pages_too_with_code_and_message(path: str) -> None:
    answer = Client().post(path, b"not json", content_type="text/plain", headers=ORIGIN | {"X-Write-Key": "nobody's"})

    assert answer.status_code == (200 if "/v1/m" in path else 401)
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Access-Control-Expose-Headers"] == "Retry-After, ETag, RateLimit, RateLimit-Policy"
    if answer.status_code != 200:
        assert answer.json()["code"] and answer.json()["message"]


def test_a_beacon_comes_with_cookies_and_is_answered_by_name(key: str) -> None:
    answer = make(CALLS["rudder js: a beacon"], key)
    assert answer["Access-Control-Allow-Origin"] == ORIGIN["Origin"]
    assert answer["Access-Control-Allow-Credentials"] == "true"


@pytest.mark.parametrize("path", [*ROUTES, *READ])
def test_no_route_redirects_and_other_methods_are_405(path: str) -> None:
    assert Client().put(path).status_code == 405
    assert Client().put(path + "/").status_code == 405


# -- settings ---------------------------------------------------------------------------------------------------------
def test_analytics_next_is_told_to_send_here_and_nowhere_else(key: str) -> None:
    answer = Client().get(f"/v1/projects/{key}/settings", headers=ORIGIN)

    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (200, "*")
    told = answer.json()
    assert told["integrations"] == {"Segment.io": {"apiKey": key, "apiHost": "testserver/v1", "protocol": "http"}}
    assert (told["metrics"], told["plan"]["track"]) == ({"sampleRate": 0}, {})
    with override_settings(CDP_HTTPS=True):
        over_https = Client().get(f"/v1/projects/{key}/settings").json()
    assert over_https["integrations"]["Segment.io"]["protocol"] == "https"


@pytest.mark.parametrize("unknown", ["WRITE_KEY", "cdp_pk_1_x", "a/b", "%00", "x" * 5000])
def test_settings_of_a_key_that_is_none_are_404_in_the_doors_own_words(db: None, unknown: str) -> None:
    answer = Client().get(f"/v1/projects/{unknown}/settings", headers=ORIGIN)

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_write_key")
    assert answer["Access-Control-Allow-Origin"] == "*"


def test_rudders_browser_sdk_is_told_of_a_source_without_destinations(key: str) -> None:
    asked = "/sourceConfig/?p=npm&v=3.34.1&build=modern&writeKey={}&lockIntegrationsVersion=true"
    answer = Client().get(asked.format(key), headers=ORIGIN | basic(key))

    assert answer.status_code == 200
    source = answer.json()["source"]
    assert (source["writeKey"], source["enabled"], source["destinations"]) == (key, True, [])
    assert source["config"]["statsCollection"] == {"errors": {"enabled": False}, "metrics": {"enabled": False}}
    refused = Client().get("/sourceConfig/", headers=ORIGIN | basic("nobody's"))
    assert (refused.status_code, refused.json()["code"]) == (401, "unknown_write_key")


def test_what_analytics_next_tells_about_itself_is_counted_and_dropped() -> None:
    before = REGISTRY.get_sample_value("cdp_client_metrics_dropped_total")
    answer = Client().post("/v1/m", b'{"series":[{"metric":"x"}]}', content_type="text/plain", headers=ORIGIN)

    assert answer.status_code == 200
    assert REGISTRY.get_sample_value("cdp_client_metrics_dropped_total") == before + 1
    assert not InboxRow.objects.exists()


# -- pixels -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("spelled", ["standard", "urlsafe", "without its end", "plus as a space"])
def test_a_pixel_stores_its_event_and_answers_with_an_image(key: str, spelled: str) -> None:
    event = {"writeKey": key, "event": "Mail Opened", "userId": "u_1", "messageId": "p1", "properties": {"a": "~?>>~"}}
    data = encoded(event)
    match spelled:
        case "urlsafe":
            data = data.replace("+", "-").replace("/", "_")
        case "without its end":
            data = data.rstrip("=")
        case "plus as a space":
            data = data.replace("+", " ")
    answer = Client().get("/v1/pixel/track", {"data": data})

    assert (answer.status_code, answer["Content-Type"], answer.content) == (200, "image/gif", GIF)
    assert answer["Cache-Control"].startswith("no-store")
    assert stored() == [("Mail Opened", "p1")]


GARBAGE = {
    "nothing": ("/v1/pixel/track", "empty_body"),
    "no base64": ("/v1/pixel/track?data=%21%21%21", "invalid_base64"),
    "no JSON": ("/v1/pixel/track?data=" + base64.b64encode(b"hello").decode(), "invalid_json"),
    "bytes": ("/v1/pixel/track?data=%ff%fe", "invalid_base64"),
    "a list": ("/v1/pixel/page?data=" + encoded([]), "invalid_event"),
    "no key": ("/v1/pixel/page?data=" + encoded({"userId": "u"}), "missing_write_key"),
    "an unknown key": ("/v1/pixel/page?data=" + encoded({"userId": "u", "writeKey": "x"}), "unknown_write_key"),
    "depth": ("/v1/pixel/page?data=" + base64.b64encode(b"[" * 50_000).decode(), "invalid_event"),
    "an unknown type": ("/v1/pixel/purchase?data=e30=", "unknown_type"),
    "too many parameters": ("/v1/pixel/track?" + "&".join(f"a{n}=1" for n in range(3000)), "internal"),
    "a basic that is none": ("/v1/pixel/track?data=" + encoded({"userId": "u"}), "invalid_authorization"),
}


@pytest.mark.parametrize(("path", "reason"), GARBAGE.values(), ids=GARBAGE)
def test_a_pixel_of_garbage_is_an_image_too_and_is_counted_by_its_reason(path: str, reason: str) -> None:
    def count() -> float:
        return REGISTRY.get_sample_value("cdp_pixels_refused_total", {"reason": reason}) or 0

    before = count()
    headers = {"Authorization": "Basic !!!"} if reason == "invalid_authorization" else {}
    answer = Client().get(path, headers=headers)

    assert (answer.status_code, answer.content) == (200, GIF)
    assert count() == before + 1
    assert not InboxRow.objects.exists()


def test_what_is_refused_of_a_known_sender_is_recorded(key: str) -> None:
    answer = Client().get("/v1/pixel/track", {"data": "!!!", "writeKey": key})

    assert answer.status_code == 200
    recorded = RejectedEvent.objects.select_related("source").get()
    assert (recorded.source.key, recorded.code, bytes(recorded.payload)) == ("front", "invalid_base64", b"!!!")


def test_a_pixel_is_an_image_while_the_database_is_away(key: str) -> None:
    def away(*_: object) -> None:
        raise OperationalError("the connection is closed")

    api_keys._believed.clear()
    with connection.execute_wrapper(away):
        answer = Client().get("/v1/pixel/track", {"data": encoded({"writeKey": key, "userId": "u", "event": "E"})})
    assert (answer.status_code, answer.content) == (200, GIF)


# -- too much ---------------------------------------------------------------------------------------------------------
def test_a_key_that_sends_too_much_is_told_when_to_come_back(key: str) -> None:
    batch = {"batch": [SEEN | {"messageId": f"x{n}"} for n in range(6)]}
    with override_settings(CDP_EVENTS_PER_MINUTE=10):
        answers = [make(Call("/v1/batch", batch, headers=ORIGIN), key) for _ in range(2)]

    taken, refused = answers
    assert (taken.status_code, taken["RateLimit"].split(";")[1]) == (200, "r=4")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.json()["message"]
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert int(refused["X-RateLimit-Reset"]) > timezone.now().timestamp() * 1000
    assert InboxRow.objects.count() == 1


def test_while_too_much_waits_every_sender_is_told_when_to_come_back(key: str) -> None:
    batch = {"batch": [SEEN | {"messageId": f"x{n}"} for n in range(6)]}
    with override_settings(CDP_MOST_PENDING_EVENTS=5):
        first = make(Call("/v1/batch", batch), key)
        backlog.forget()
        for call in CALLS.values():
            refused = make(call, key)
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many_pending")
            assert 1 <= int(refused["Retry-After"]) <= 300
        stream.work()
        backlog.forget()
        assert make(Call("/v1/batch", batch), key).status_code == 200
    assert first.status_code == 200


def test_a_pixel_is_taken_however_much_waits_because_it_cannot_come_back(key: str) -> None:
    with override_settings(CDP_MOST_PENDING_EVENTS=1):
        make(Call("/v1/batch", {"batch": [SEEN] * 3}), key)
        backlog.forget()
        Client().get("/v1/pixel/track", {"data": encoded({"writeKey": key, "userId": "u", "event": "E"})})
    assert InboxRow.objects.count() == 2
