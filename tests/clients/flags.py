"""What clients that read flags are asked, and what they have to answer: one list for every provider."""

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tests.outages import Product

PACKAGES = {
    "@openfeature/core": "1.12.0",
    "@openfeature/server-sdk": "1.23.0",
    "@openfeature/web-sdk": "1.10.0",
    "@openfeature/ofrep-provider": "0.1.3",
    "@openfeature/ofrep-web-provider": "0.4.3",
    "esbuild": "0.28.2",
}
TRAITS = {"country": "DE", "age": 36, "score": 0.5, "vip": True, "tags": ["a"]}


@dataclass(frozen=True, slots=True)
class Question:
    """A flag, asked for with the default of the application's code, and what the application must get."""

    kind: str
    flag: str
    fallback: Any
    who: str
    value: Any
    error: str | None = None

    def asked(self) -> dict[str, Any]:
        return {"kind": self.kind, "flag": self.flag, "fallback": self.fallback, "who": self.who}

    def problem(self, found: Mapping[str, Any]) -> str:
        if (found.get("value"), found.get("errorCode")) == (self.value, self.error):
            return ""
        return f"{self.flag} of {self.who}: {self.value!r} was to be told, {dict(found)} was"


QUESTIONS = (
    Question("Boolean", "segment.germans", False, "user_id:ada", True),
    Question("Boolean", "segment.germans", True, "bob", False),
    Question("String", "trait.country", "", "ada", "DE"),
    Question("Number", "trait.age", 0, "ada", 36),
    Question("Number", "trait.score", 0, "ada", 0.5),
    Question("Boolean", "trait.vip", False, "ada", True),
    Question("Object", "trait.tags", [], "ada", ["a"]),
    Question("Boolean", "segment.nowhere", True, "ada", True, "FLAG_NOT_FOUND"),
)


@contextmanager
def in_the_database_of(running: Product) -> Iterator[None]:
    """Use a running product's own database in this process, to put in what no door takes."""
    os.environ.update(
        CDP_DATA_DIR=str(running.folder), DJANGO_SETTINGS_MODULE="cdp.settings", CDP_REQUIRE_OTP="0"
    )  # fmt: skip
    import django

    django.setup()
    yield
    from django.db import connections

    connections.close_all()


def publish_germans() -> None:
    """Publish everybody in Germany, written by one person and approved by another."""
    from django.contrib.auth.models import Group

    from cdp.governance import lifecycle
    from cdp.models import User
    from profiles.models import TraitDefinition
    from segments.publishing import SEGMENTS

    now = datetime.now(UTC)
    TraitDefinition.objects.get_or_create(name="country", defaults={"type": "text"})
    author, approver = (User.objects.create_user(f"flag {role}") for role in ("author", "approver"))
    author.groups.set(Group.objects.filter(name="author"))
    approver.groups.set(Group.objects.filter(name="approver"))
    rule = {"rule": {"trait": "country", "op": "=", "value": "DE"}, "acknowledged": []}
    head = lifecycle.create(governed=SEGMENTS, key="germans", name="Germans", by=author, now=now)
    version = lifecycle.draft(head=head, content=rule, by=author, now=now)
    lifecycle.submit(version=version, by=author, now=now)
    lifecycle.approve(version=version, comment="fine", by=approver, now=now)


def identify(base_url: str, write_key: str, user: str, **traits: Any) -> None:
    message = {"userId": user, "messageId": str(uuid.uuid4()), "traits": traits}
    httpx.post(f"{base_url}/v1/identify", json=message, auth=(write_key, ""), trust_env=False).raise_for_status()


def settle_in(base_url: str, *, write_key: str, read_key: str) -> None:
    """Let there be a German and a Frenchman, and wait until their flags are known."""
    identify(base_url, write_key, "ada", **TRAITS)
    identify(base_url, write_key, "bob", **TRAITS | {"country": "FR"})
    wait_until(lambda: all(is_known(base_url, read_key, who) for who in ("ada", "bob")))


def is_known(base_url: str, read_key: str, who: str) -> bool:
    told = httpx.post(
        f"{base_url}/ofrep/v1/evaluate/flags/segment.germans",
        json={"context": {"targetingKey": who}},
        headers={"X-API-Key": read_key},
        trust_env=False,
    )
    return "value" in told.json() and told.json()["value"] == (who == "ada")


def wait_until(is_so: Callable[[], bool], *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            raise AssertionError(f"not so within {seconds} s")
        time.sleep(0.2)


def scripts() -> Path:
    return Path(__file__).with_name("ofrep")
