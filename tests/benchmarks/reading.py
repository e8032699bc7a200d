"""Somebody who opens every page of a large workspace, and programs that read it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import httpx
from django.contrib import admin
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.db import SessionStore

from cdp import api_keys
from cdp.ids import to_public
from cdp.models import Job, KeyKind, Scope, User
from profiles.models import EventDefinition, PropertyDefinition, Source, TraitDefinition
from profiles.queries import find_profile
from segments.models import Segment
from tests.benchmarks import workload
from tests.benchmarks.bench import drain, publish_rules
from tests.benchmarks.filling import Sizes, fill
from tests.benchmarks.timing import CPU, WALL

_PROPERTIES = {
    "product_id": "text", "category": "text", "path": "text", "revenue": "number", "currency": "text",
    "quantity": "number",
}  # fmt: skip
_TRAITS = {"country": "text", "plan": "text", "age": "number", "email": "text"}


def fill_for_reading(bench: Any, *, people: int, events: int) -> None:
    """Teach the catalogue its words, bring the twenty rules to life, and fill."""
    now = datetime.now(UTC)
    Source.objects.get_or_create(key="bench", defaults={"name": "bench"})
    names = sorted(set(workload.NAMES))
    EventDefinition.objects.bulk_create(EventDefinition(name=name, first_seen_at=now) for name in names)
    PropertyDefinition.objects.bulk_create(
        PropertyDefinition(event_name=name, name=key, type=kind) for name in names for key, kind in _PROPERTIES.items()
    )
    TraitDefinition.objects.bulk_create(TraitDefinition(name=name, type=kind) for name, kind in _TRAITS.items())
    publish_rules()
    drain()
    Job.objects.bulk_create(
        Job(kind="import_events", state="done", created_at=now, finished_at=now) for _ in range(2_000)
    )
    heaviest = min(Sizes().heaviest, events // 10)
    fill(sizes=Sizes(people=people, events=events, heaviest=heaviest), source="bench", end=bench.end)


class NotShown(Exception):
    """A page answered with something else than itself."""


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds inside the web process: by the clock, and of its processor's time."""

    wall: float
    cpu: float


@dataclass(slots=True)
class Reader:
    """A browser that is signed in with every role, and a program with a key, against one web process."""

    bench: Any
    browser: httpx.Client
    program: httpx.Client

    @classmethod
    def of(cls, bench: Any) -> Self:
        bench._start_web()
        base = f"http://127.0.0.1:{bench.port}"
        _, key = api_keys.issue(
            kind=KeyKind.SECRET,
            name="reads",
            scopes={Scope.PROFILES_READ, Scope.SEGMENTS_READ},
            purpose="service",
            by=None,
            now=datetime.now(UTC),
        )
        return cls(
            bench,
            httpx.Client(base_url=base, cookies={"sessionid": _session()}, timeout=120, trust_env=False),
            httpx.Client(base_url=base, headers={"Authorization": f"Bearer {key}"}, timeout=120, trust_env=False),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *told: object) -> None:
        self.browser.close()
        self.program.close()
        self.bench._stop_web()

    def open(self, address: str) -> Took:
        """Open a page; raises NotShown unless it is there."""
        answer = (self.program if address.startswith("/v1/") else self.browser).get(address)
        if answer.status_code != 200:
            raise NotShown(f"{address} answered {answer.status_code}: {answer.text[:300]}")
        return Took(float(answer.headers[WALL]) * 1_000, float(answer.headers[CPU]) * 1_000)

    def addresses(self, *, deep: Iterable[str], pages: int) -> Iterator[tuple[str, str]]:
        """Every page that is measured, by a name for it: people, the dashboard, all lists, and what programs read."""
        for number, name in ((0, "with the longest history"), (1, "with 10 events"), (20, "who was merged")):
            person = find_profile(type="user_id", value=f"u_{number}")
            yield f"person {name}", f"/admin/profiles/profile/{person}/change/"
            yield f"GET /v1/profiles, {name}", f"/v1/profiles/user_id:u_{number}"
            yield f"GET /v1/profiles by id, {name}", f"/v1/profiles/id:{to_public(person)}"
        yield "dashboard", "/admin/"
        for name in sorted(model._meta.label_lower.replace(".", "/") for model in admin.site._registry):
            yield f"list of {name}", f"/admin/{name}/"
        for name in deep:
            yield f"list of {name}, {pages} pages on", self._further(f"/admin/{name}/", pages)
        segment = Segment.objects.get(key="not-pro")
        members = f"/admin/segments/membership/?segment__id__exact={segment.pk}"
        yield "a segment's members in the admin", members
        yield f"a segment's members in the admin, {pages} pages on", self._further(members, pages)
        yield "a segment's page", f"/admin/segments/segment/{segment.pk}/change/"
        yield "GET /v1/segments", "/v1/segments"
        yield "GET /v1/segments/{key}/members", "/v1/segments/not-pro/members"
        yield f"GET /v1/segments/{{key}}/members, {pages} pages on", self._next("/v1/segments/not-pro/members", pages)

    def _further(self, address: str, pages: int) -> str:
        """Follow the list's own link to older rows."""
        for _ in range(pages):
            found = re.search(r'href="\?([^"]*)"[^>]*rel="next"', self.browser.get(address).text)
            if found is None:
                break
            address = address.partition("?")[0] + "?" + found[1].replace("&amp;", "&")
        return address

    def _next(self, address: str, pages: int) -> str:
        following = address
        for _ in range(pages):
            cursor = self.program.get(following).json().get("next")
            if not cursor:
                break
            following = f"{address}?cursor={cursor}"
        return following


def _session() -> str:
    user, _ = User.objects.get_or_create(username="bench-everything")
    user.groups.set(Group.objects.all())
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)
