"""Whatever the OpenAPI document allows, and much that it does not, sent with valid keys: answers as it says, no 5xx."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import Group
from django.core.wsgi import get_wsgi_application
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cdp import api_keys, person_tokens
from cdp.models import KeyKind, Scope, User
from cdp.workspace import FirstRun
from consent.first_run import purposes
from profiles.ingest import accounting
from profiles.models import InboxRow, InboxState
from tests.conftest import empty_database
from tests.profiles import stream
from tests.segments.world import World

EXAMPLES = int(os.environ.get("CDP_EXAMPLES", "3"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FOR_PEOPLE = ("/v1/governance", "/v1/keys", "/v1/tokens")
#: What is there to be named in addresses: chance alone would meet nothing but 404s.
THERE = {"type": "user_id", "value": "ann", "number": 1, "id": 1}
KEYS = {"segments": "germans", "purposes": "marketing", "notices": "website"}


@dataclass(frozen=True, slots=True)
class House:
    """A workspace with a person, a live segment and the first purposes, and somebody who holds every role in it."""

    token: str
    names = count(1)

    def headers(self, operation: Any) -> dict[str, str]:
        if operation.path.startswith(FOR_PEOPLE):
            return {"Authorization": f"Bearer {self.token}"}
        if "events" in operation.tags:
            return {"X-Write-Key": self.key()}
        return {"Authorization": f"Bearer {self.key()}"}

    def key(self) -> str:
        """A key with every scope: a new one each time, since one of the operations revokes keys."""
        name, now = f"app {next(self.names)}", datetime.now(UTC)
        rights = {"scopes": list(Scope), "source": "shop", "purpose": "service"}
        return api_keys.issue(kind=KeyKind.SECRET, name=name, **rights, by=None, now=now)[1]


@pytest.fixture(scope="module")
def house(django_db_setup: None, django_db_blocker: Any) -> Iterator[House]:
    with django_db_blocker.unblock():
        try:
            yield furnish(now=datetime.now(UTC))
        finally:
            empty_database()


def furnish(*, now: datetime) -> House:
    world = World()
    purposes(FirstRun(author=world.author, approver=world.approver, now=now))
    world.publish("germans", {"trait": "country", "op": "=", "value": "DE"}, now=now)
    stream.apply(stream.identify(userId="ann", traits={"country": "DE"}), stream.track(userId="ann"))
    world.backfill(now=now)
    holder = User.objects.create_user("holder of every role")
    holder.groups.set(Group.objects.all())
    _, token = person_tokens.issue(user=holder, name="test", now=now, expires_at=now + timedelta(days=1))
    return House(token)


@pytest.mark.parametrize("mode", GenerationMode, ids=["allowed", "not allowed"])
def test_every_operation_answers_as_documented_and_never_with_a_server_error(
    house: House, mode: GenerationMode
) -> None:
    document = schemathesis.openapi.from_wsgi("/openapi.json", get_wsgi_application())
    found = []
    for operation in (each.ok() for each in document.get_all_operations()):
        try:
            attack(operation, mode, headers=house.headers(operation))
        except (Failure, FailureGroup) as failure:
            told = failure.exceptions if isinstance(failure, FailureGroup) else [failure]
            found += [f"{operation.label}: {each}" for each in told]
    assert not found, "\n\n".join(found)


def attack(operation: Any, mode: GenerationMode, *, headers: dict[str, str]) -> None:
    there = THERE | {"key": next((key for part, key in KEYS.items() if part in operation.path), "")}

    @settings(max_examples=EXAMPLES)
    @given(case=operation.as_strategy(generation_mode=mode), is_there=st.booleans())
    def one(case: Case, is_there: bool) -> None:
        if is_there:
            case.path_parameters.update({name: there[name] for name in case.path_parameters if name in there})
        case.validate_response(case.call(headers=headers), checks=CHECKS)

    one()


def test_whatever_the_door_took_is_accounted_for_and_parks_nothing(house: House) -> None:
    stream.work()

    assert accounting.totals().balanced
    assert not InboxRow.objects.exclude(state=InboxState.DONE).exists()
