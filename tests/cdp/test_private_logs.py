"""Nothing that somebody sent reaches the log: neither from an address nor from an error's message."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from celery.app.task import Task
from django.db import IntegrityError, connection, transaction
from django.test import Client

from cdp import api_keys
from cdp.celery import app
from cdp.models import KeyKind, Scope

pytestmark = pytest.mark.django_db

CANARY = "anna.canary@example.com"
ADDRESS = f"/v1/profiles/email:{CANARY}"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the product's own handler writes."""
    (handler,) = [each for each in logging.getLogger().handlers if type(each) is logging.StreamHandler]
    stream = io.StringIO()
    before = handler.setStream(stream)
    yield stream
    handler.setStream(before)


def reader() -> dict[str, str]:
    scopes = [Scope.PROFILES_READ, Scope.CONSENT_READ]
    _, token = api_keys.issue(kind=KeyKind.SECRET, name="app", scopes=scopes, by=None, now=datetime.now(UTC))
    return {"Authorization": f"Bearer {token}"}


def get(address: str, **headers: str) -> int:
    return Client(raise_request_exception=False).get(address, headers=headers).status_code


def violate(*given: object, **more: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / (length(%s) - length(%s)), %s::int", [CANARY, CANARY, CANARY])


def test_a_refused_request_is_told_by_its_route(written: io.StringIO) -> None:
    assert get(ADDRESS) == 401
    assert get(ADDRESS, **reader()) == 404
    assert get(f"/nowhere/{CANARY}") == 404
    assert CANARY not in written.getvalue()
    assert "v1/profiles/<slug:type>:<identifier:value>" in written.getvalue()
    assert "Not Found" in written.getvalue()


def test_a_request_that_broke_is_told_by_its_kind_and_place(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consent.intake.find", violate)
    assert get(f"/v1/consent/email:{CANARY}", **reader()) == 500
    assert CANARY not in written.getvalue()
    assert "DataError 22P02" in written.getvalue()
    assert "test_private_logs.py" in written.getvalue() and "in violate" in written.getvalue()


def test_a_task_that_broke_is_told_by_its_kind_and_place(written: io.StringIO) -> None:
    task: Task = app.task(violate, name="tests.violate")
    task.apply(args=(CANARY,))
    app.tasks.unregister(task)
    assert CANARY not in written.getvalue()
    assert "tests.violate" in written.getvalue() and "DataError" in written.getvalue()


def test_a_database_error_in_a_message_is_told_by_its_kind(written: io.StringIO) -> None:
    logging.getLogger("somewhere").error("It failed: %s", IntegrityError(f"Key (email)=({CANARY}) already exists."))
    assert json.loads(written.getvalue())["event"] == "It failed: IntegrityError"
