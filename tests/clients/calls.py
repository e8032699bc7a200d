"""The requests of every event SDK, old and new, as they send them, and the events that must be stored from each."""

import base64
import gzip
import json
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

ORIGIN = {"Origin": "https://shop.example"}


def basic(key: str, end: str = ":") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{key}{end}".encode()).decode()}


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a client sends it, and the events that must be stored from it: {message id: (name, user)}."""

    path: str
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    gzipped: bool = False
    key_in: str = "basic"
    keeps: dict[str, tuple[str, str]] = field(default_factory=dict)


NOW = "2026-11-21T22:15:36.735Z"
SEEN = {"type": "track", "event": "Seen", "userId": "u_1", "timestamp": NOW}
CALLS = {
    "segment python": Call(
        "/v1/batch",
        {
            "batch": [
                {"type": "identify", "userId": "u_1", "anonymousId": None, "traits": {"plan": "pro"}, "messageId": "a",
                 "timestamp": "2026-11-21T22:15:36.735+00:00", "integrations": {}},
                SEEN | {"messageId": "b", "anonymousId": None, "context": {"ip": "8.8.8.8"}},
            ],
            "sentAt": "2026-11-21T22:15:37.235931+00:00",
            "writeKey": "masked elsewhere",
        },
        keeps={"a": ("$identify", "u_1"), "b": ("Seen", "u_1")},
    ),
    "segment node 3": Call(
        "/v1/batch",
        {"batch": [SEEN | {"messageId": f"node-next-1795299343166-{'4' * 36}", "_metadata": {"jsRuntime": "node"}}],
         "sentAt": NOW, "writeKey": "x"},
        keeps={f"node-next-1795299343166-{'4' * 36}": ("Seen", "u_1")},
    ),
    "analytics-node 6": Call(
        "/v1/batch",
        {"batch": [SEEN | {"messageId": "node-2165-161b", "_metadata": {"nodeVersion": "20"}}],
         "timestamp": "2026-11-21T22:35:07.207Z", "sentAt": "2026-11-21T22:35:07.207Z"},
        keeps={"node-2165-161b": ("Seen", "u_1")},
    ),
    "analytics-next, one by one": Call(
        "/v1/i",
        {"type": "identify", "userId": "u_1", "traits": {"a": 1}, "messageId": "ajs-next-1", "sentAt": NOW,
         "timestamp": NOW, "_metadata": {"bundled": ["Segment.io"]}, "integrations": {"Segment.io": True}},
        headers=ORIGIN, content_type="text/plain",
        keeps={"ajs-next-1": ("$identify", "u_1")},
    ),
    "analytics-next before 1.84: no header": Call(
        "/v1/t", SEEN | {"messageId": "ajs-next-2", "userId": None, "anonymousId": "an", "sentAt": NOW},
        headers=ORIGIN, content_type="text/plain", key_in="body", keeps={"ajs-next-2": ("Seen", "an")},
    ),
    "analytics-next, batching: key in its events": Call(
        "/v1/b", {"batch": [SEEN | {"messageId": "ajs-next-3"}], "sentAt": NOW},
        headers=ORIGIN, content_type="text/plain", key_in="events", keeps={"ajs-next-3": ("Seen", "u_1")},
    ),
    "rudder python: gzip, traits in context": Call(
        "/v1/batch",
        {"batch": [{"type": "identify", "userId": "u_1", "anonymousId": None, "context": {"traits": {"plan": "pro"}},
                    "messageId": "r1", "timestamp": "2026-11-21T22:15:40.105854+00:00", "channel": "server"}],
         "sentAt": "2026-11-21T22:15:40.606119+00:00"},
        headers={"Content-Encoding": "gzip"}, gzipped=True, keeps={"r1": ("$identify", "u_1")},
    ),
    "rudder node: gzip under the name of a form": Call(
        "/v1/batch",
        {"batch": [SEEN | {"messageId": "r2", "originalTimestamp": NOW, "sentAt": NOW}], "timestamp": NOW,
         "sentAt": NOW},
        headers={"Content-Encoding": "gzip"}, content_type="application/x-www-form-urlencoded", gzipped=True,
        keeps={"r2": ("Seen", "u_1")},
    ),
    "gzip that no header names": Call(
        "/v1/batch", {"batch": [SEEN | {"messageId": "r3"}]}, gzipped=True, keeps={"r3": ("Seen", "u_1")},
    ),
    "rudder js: an empty user before anybody is known": Call(
        "/v1/page",
        {"type": "page", "name": "Home", "userId": "", "anonymousId": "an", "originalTimestamp": NOW, "sentAt": NOW,
         "messageId": "r4", "channel": "web", "integrations": {"All": True}},
        headers=ORIGIN | {"AnonymousId": "YW4=", "SentAt": NOW}, keeps={"r4": ("Page Viewed", "an")},
    ),
    "rudder js: a beacon": Call(
        "/beacon/v1/batch", {"batch": [SEEN | {"messageId": "r5"}], "sentAt": NOW},
        headers=ORIGIN | {"Cookie": "rl_user_id=x"}, content_type="text/plain", key_in="query",
        keeps={"r5": ("Seen", "u_1")},
    ),
    "jitsu: a masked key in the body": Call(
        "/api/s/track", SEEN | {"messageId": "19dkwvj7v8a2d06yfo33qk", "writeKey": "WK:***", "sentAt": NOW},
        key_in="x-write-key", keeps={"19dkwvj7v8a2d06yfo33qk": ("Seen", "u_1")},
    ),
    "jitsu from a server": Call(
        "/api/s/s2s/group", {"type": "group", "groupId": "g_9", "userId": "u_1", "messageId": "j2"},
        key_in="x-write-key with a secret", keeps={"j2": ("$group", "u_1")},
    ),
    "raw HTTP: the path says the type": Call(
        "/v1/track/", {"event": "Seen", "userId": "u_1", "messageId": "h1"}, keeps={"h1": ("Seen", "u_1")},
    ),
    "raw HTTP: an OAuth token, the key in the body": Call(
        "/v1/track", {"event": "Seen", "userId": "u_1", "messageId": "h2"},
        headers={"Authorization": "Bearer eyJhbGciOi"}, key_in="body", keeps={"h2": ("Seen", "u_1")},
    ),
    "raw HTTP: the key as a bearer token": Call(
        "/v1/track", {"event": "Seen", "userId": "u_1", "messageId": "h3"}, key_in="bearer",
        keeps={"h3": ("Seen", "u_1")},
    ),
    "basic without its colon": Call(
        "/v1/batch", {"batch": [SEEN | {"messageId": "h4"}]}, key_in="basic without a colon",
        keeps={"h4": ("Seen", "u_1")},
    ),
    "context for the whole batch": Call(
        "/v1/batch", {"batch": [SEEN | {"messageId": "h5"}], "context": {"locale": "de"}, "integrations": {}},
        keeps={"h5": ("Seen", "u_1")},
    ),
    "one bad event among good ones": Call(
        "/v1/batch", {"batch": [{"type": "track", "messageId": "bad"}, SEEN | {"messageId": "h6"}]},
        keeps={"h6": ("Seen", "u_1")},
    ),
}  # fmt: skip


def make(call: Call, key: str) -> Any:
    path, body, headers = call.path, dict(call.body), dict(call.headers)
    match call.key_in:
        case "basic":
            headers |= basic(key)
        case "basic without a colon":
            headers |= basic(key, "")
        case "bearer":
            headers["Authorization"] = f"Bearer {key}"
        case "x-write-key":
            headers["X-Write-Key"] = key
        case "x-write-key with a secret":
            headers["X-Write-Key"] = f"{key}:secret"
        case "body":
            body["writeKey"] = key
        case "events":
            body["batch"] = [event | {"writeKey": key} for event in body["batch"]]
        case "query":
            path += f"?writeKey={key}"
    plain = json.dumps(body).encode()
    content = gzip.compress(plain) if call.gzipped else plain
    return Client().post(path, content, content_type=call.content_type, headers=headers)
