"""Whatever the OpenAPI document allows, and much that it does not, sent with valid keys, tokens and sessions."""

import base64
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import count
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.openapi.checks import UndefinedStatusCode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cdp import api_keys, person_tokens
from cdp.models import KeyKind, Scope, User
from tests.profiles import stream
from tests.segments.world import World

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
#: What is there to be named in addresses: chance alone would meet nothing but 404s.
THERE = {
    "type": "user_id",
    "value": "ann",
    "number": 1,
    "id": 1,
    "space_id": "main",
    "collection": "users",
    "external_id": "user_id:ann",
}
KEYS = {
    "purposes": "marketing",
    "notices": "website",
    "identity-rules": "identity",
    "/sources": "shop",
    "segments": "germans",
    "ofrep": "segment.germans",
}
Caller = Mapping[str, str]
Send = Callable[[Case, Caller], Any]


@dataclass(slots=True)
class House:
    """A workspace with a person, a live segment and the first purposes, and somebody who holds every role in it."""

    holder: User
    people: tuple[User, User]  # an author and an approver
    names: Iterator[int] = field(default_factory=lambda: count(1))

    def callers(self, operation: Any) -> list[Caller]:
        """Who may call an operation, in turns: anew for each one, since some of them revoke keys and tokens."""
        schemes = {name for one in operation.definition.raw.get("security", ()) for name in one}
        found: list[Caller] = []
        if "writeKey" in schemes:
            # In the header that wins over all others: one that is made up would.
            found.append({"Authorization": "Basic " + base64.b64encode(f"{self.key()}:".encode()).decode()})
        if "apiKey" in schemes:
            found.append({"Authorization": f"Bearer {self.key()}"})
        if "personToken" in schemes:
            found += [{"Authorization": f"Bearer {self.token()}"}] * 2  # most of these ask for a person
        if "session" in schemes:
            found += [self.session()] * 2
        return found or [{}]

    def key(self) -> str:
        """A key with every scope."""
        name, now = f"app {next(self.names)} {secrets.token_hex(4)}", datetime.now(UTC)
        rights = {"scopes": list(Scope), "source": "shop", "purpose": "service"}
        return api_keys.issue(kind=KeyKind.SECRET, name=name, **rights, by=None, now=now)[1]

    def token(self) -> str:
        now = datetime.now(UTC)
        name = f"test {next(self.names)}"
        return person_tokens.issue(user=self.holder, name=name, now=now, expires_at=now + timedelta(days=1))[1]

    def session(self) -> Caller:
        """The cookies of somebody who has signed in."""
        store = import_module(django_settings.SESSION_ENGINE).SessionStore()
        store[SESSION_KEY] = str(self.holder.pk)
        store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        store[HASH_SESSION_KEY] = self.holder.get_session_auth_hash()
        store.save()
        proof = secrets.token_hex(16)
        cookies = f"{django_settings.SESSION_COOKIE_NAME}={store.session_key}; csrftoken={proof}"
        return {"Cookie": cookies, "X-CSRFToken": proof}


def furnish(*, now: datetime) -> House:
    """Put in what operations can be about; the first purposes are there already."""
    world = World()
    world.publish("germans", {"trait": "country", "op": "=", "value": "DE"}, now=now)
    stream.apply(
        stream.identify(userId="ann", traits={"country": "DE"}),
        stream.track(userId="ann"),
        stream.event("group", userId="ann", groupId="acme"),
    )
    world.backfill(now=now)
    holder = User.objects.create_user("holder of every role")
    holder.groups.set(Group.objects.all())
    return House(holder, (world.author, world.approver))


@dataclass(slots=True)
class Tally:
    """What came back, and what was wrong with it: each kind of fault once, with the first request that showed it."""

    examples: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: dict[tuple[str, str, int], str] = field(default_factory=dict)
    undocumented: int = 0

    @property
    def server_errors(self) -> int:
        return sum(number for status, number in self.statuses.items() if status >= 500)

    def note(self, case: Case, answer: Any) -> None:
        self.examples += 1
        self.statuses[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=CHECKS)
        except (Failure, FailureGroup) as failure:
            told = failure.exceptions if isinstance(failure, FailureGroup) else [failure]
            for each in told:
                self.undocumented += isinstance(each, UndefinedStatusCode)
                kind = (case.operation.label, type(each).__name__, answer.status_code)
                self.faults.setdefault(kind, f"{each}\n{_request(case)}\n{_body(answer)}")


def _request(case: Case) -> str:
    told = {name: getattr(case, name) for name in ("path_parameters", "query", "headers", "body")}
    return "\n".join(f"    {name}: {str(value)[:600]!r}" for name, value in told.items() if value)


def _body(answer: Any) -> str:
    return str(getattr(answer, "text", ""))[:300]


def attack(operation: Any, mode: GenerationMode, *, house: House, send: Send, tally: Tally, examples: int) -> None:
    """Send examples of one operation; faults are tallied and never raised, so that all of them are seen."""
    callers = house.callers(operation)
    named = [{"key": key} for part, key in KEYS.items() if part in operation.path]
    there = THERE | (named[0] if named else {})

    @settings(max_examples=examples)
    @given(
        case=operation.as_strategy(generation_mode=mode),
        is_there=st.booleans(),
        caller=st.sampled_from(callers),
    )
    def one(case: Case, is_there: bool, caller: Caller) -> None:
        if is_there:
            _name_what_is_there(case, there)
        answer = send(case, caller)
        if answer is not None:
            tally.note(case, answer)

    # Chance has not found one example that the description allows, or forbids: most often there is none.
    with suppress(Unsatisfiable):
        one()


def _name_what_is_there(case: Case, there: Mapping[str, object]) -> None:
    case.path_parameters.update({name: there[name] for name in case.path_parameters if name in there})
    body = case.body if isinstance(case.body, dict) else {}
    if isinstance(body.get("context"), dict) and "targetingKey" in body["context"]:
        body["context"]["targetingKey"] = "ann"
