"""The running product as its people and apps speak to it: over HTTP, with tokens and keys."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from django.utils import timezone

from cdp import person_tokens
from cdp.models import User
from tests.running import Running

PATIENCE = 60


def person(running: Running, role: str) -> httpx.Client:
    """A client that acts as the login of a role, with a token as its holder would make one in the admin."""
    return client_of(running, User.objects.get(username=running.logins[role]["username"]))


def client_of(running: Running, user: User) -> httpx.Client:
    now = timezone.now()
    _, token = person_tokens.issue(user=user, name=f"journey {now}", now=now, expires_at=now + timedelta(hours=1))
    client = running.client()
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def send(running: Running, *events: dict[str, Any]) -> None:
    answer = running.client(running.write_key).post("/v1/batch", json={"batch": list(events)})
    assert answer.status_code == 200, answer.text


def seen(user: str, name: str = "Product Viewed") -> dict[str, Any]:
    return {"type": "track", "event": name, "userId": user, "timestamp": datetime.now(UTC).isoformat()}


def known(user: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "traits": traits}


def eventually(ask: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Ask until the answer is something, and return it; the last answer once patience has run out."""
    until = time.monotonic() + patience
    while not (found := ask()) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def segments_of(app: httpx.Client, user: str) -> dict[str, Any]:
    answer = app.get(f"/v1/profiles/user_id:{user}")
    return {entry["key"]: entry for entry in answer.json().get("segments", ())} if answer.status_code == 200 else {}


def submitted(
    author: httpx.Client, key: str, rule: dict[str, Any], *acknowledged: str, **fields: Any
) -> dict[str, Any]:
    """Draft a segment and ask for its approval; return version 1 as it waits. `fields` stand beside the rule."""
    content = {"rule": rule, "acknowledged": [*acknowledged, "same_rule", "same_members"]} | fields

    def drafted() -> bool:  # the catalogue learns names as events are applied
        answer = author.post("/v1/governance/segments", json={"key": key, "name": key.title(), "content": content})
        return answer.status_code == 201

    assert eventually(drafted)
    version: dict[str, Any] = author.post(f"/v1/governance/segments/{key}/versions/1/submit").json()
    assert version["state"] == "review", version
    return version


def approved(approver: httpx.Client, key: str, version: dict[str, Any]) -> None:
    verdict = {"comment": "good", "content_hash": version["content_hash"]}
    answer = approver.post(f"/v1/governance/segments/{key}/versions/{version['number']}/approve", json=verdict)
    assert answer.json()["state"] == "live", answer.text


def go_live(running: Running, key: str, rule: dict[str, Any], *acknowledged: str, **fields: Any) -> None:
    """Take a rule from its author over an approver to where everybody has been judged by it."""
    version = submitted(person(running, "author"), key, rule, *acknowledged, **fields)
    approved(person(running, "approver"), key, version)
    app = running.client(running.read_key)
    assert eventually(lambda: app.get(f"/v1/segments/{key}").json()["status"] == "ready")
