"""Every operation of the OpenAPI document against itself, in process and in small: answers as it says, no 5xx.

The same against the running product, as large as wanted: `python -m tests.generative.rest --examples 20000`.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.test import Client
from schemathesis import Case, GenerationMode

from cdp.workspace import FirstRun
from consent.first_run import purposes
from profiles.ingest import accounting
from profiles.models import InboxRow, InboxState
from tests.conftest import empty_database
from tests.generative.attack import Caller, House, Tally, attack, furnish
from tests.generative.found import FOUND, Found
from tests.profiles import stream

EXAMPLES = int(os.environ.get("CDP_EXAMPLES", "2"))


@pytest.fixture(scope="module")
def house(django_db_setup: None, django_db_blocker: Any) -> Iterator[House]:
    with django_db_blocker.unblock():
        try:
            now = datetime.now(UTC)
            furnished = furnish(now=now)
            author, approver = furnished.people
            purposes(FirstRun(author=author, approver=approver, now=now))
            yield furnished
        finally:
            empty_database()


@pytest.mark.parametrize("mode", GenerationMode, ids=["allowed", "not allowed"])
def test_every_operation_answers_as_documented_and_never_with_a_server_error(
    house: House, mode: GenerationMode
) -> None:
    document = schemathesis.openapi.from_wsgi("/openapi.json", get_wsgi_application())
    tally = Tally()
    for operation in (each.ok() for each in document.get_all_operations()):
        attack(operation, mode, house=house, send=in_process, tally=tally, examples=EXAMPLES)
    assert not tally.faults, "\n\n".join(f"{kind}: {told}" for kind, told in tally.faults.items())


def in_process(case: Case, caller: Caller) -> Any:
    return case.call(headers=dict(caller))


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.was)
def test_what_was_found_once_stays_answered_well(house: House, found: Found) -> None:
    shown = {"Authorization": f"Bearer {house.key()}"}
    answer = Client().generic(found.method, found.address, found.body, "application/json", headers=shown)
    assert answer.status_code in found.statuses, answer.content


def test_whatever_the_door_took_is_accounted_for_and_parks_nothing(house: House) -> None:
    stream.work()

    assert accounting.totals().balanced
    assert not InboxRow.objects.exclude(state=InboxState.DONE).exists()
