"""One id from the request to the record, the log and the task; a log of listed facts; traces that name nobody."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from celery.app.task import Task
from django.test import Client, override_settings

from cdp import access, api_keys
from cdp.access import Actor
from cdp.celery import app
from cdp.models import AccessRecord, KeyKind, Scope
from cdp.observability import request_ids
from cdp.observability.logs import JsonLines, PlainLines
from cdp.private_logs import PrivateFilter
from profiles.ingest import pipeline

CANARY = "anna.canary@example.com"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What a handler like the product's own writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(PrivateFilter())
    handler.setFormatter(JsonLines())
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def test_every_answer_names_its_request() -> None:
    first, second = Client().get("/nowhere"), Client().get("/nowhere")

    assert len(first["X-Request-Id"]) >= 8
    assert first["X-Request-Id"] != second["X-Request-Id"]


def test_a_callers_own_id_is_taken_over() -> None:
    assert Client().get("/nowhere", headers={"X-Request-Id": "gateway-20261122.7"})["X-Request-Id"] == (
        "gateway-20261122.7"
    )


@pytest.mark.parametrize("shown", ["short", "a" * 65, "with space in it", 'quote"and\\more', CANARY])
def test_an_id_that_could_tell_or_break_something_is_replaced(shown: str) -> None:
    assert Client().get("/nowhere", headers={"X-Request-Id": shown})["X-Request-Id"] != shown


@pytest.mark.django_db
def test_an_access_record_names_the_request_it_belongs_to() -> None:
    with request_ids.working_on("request-0001"):
        access.record(
            actor=Actor.system("test"), action="test", profile_ids=(), purpose="", fields=(), now=datetime.now(UTC)
        )

    assert AccessRecord.objects.get(action="test").request_id == "request-0001"


@pytest.fixture
def noted() -> Iterator[tuple[Task, list[str]]]:
    """A task that notes the id it is done under."""
    ids: list[str] = []

    def note() -> None:
        ids.append(request_ids.current())

    task: Task = app.task(note, name="tests.note")
    yield task, ids
    app.tasks.unregister(task)


def test_a_task_goes_on_under_the_id_of_whatever_sent_it(noted: tuple[Task, list[str]]) -> None:
    task, ids = noted
    task.apply(headers={"cdp_request_id": "request-0002"})

    assert ids == ["request-0002"]
    assert request_ids.current() == ""


def test_a_task_nobody_asked_for_goes_by_its_own_id(noted: tuple[Task, list[str]]) -> None:
    task, ids = noted
    done = task.apply()

    assert ids == [done.id]


def test_a_line_is_one_object_with_the_facts_that_are_listed(lines: io.StringIO) -> None:
    with request_ids.working_on("request-0003"):
        logging.getLogger("profiles.test").warning("a claim failed", extra={"requests": 3, "email": CANARY})

    (line,) = lines.getvalue().splitlines()
    told = json.loads(line)
    assert list(told)[:5] == ["at", "level", "logger", "event", "request_id"]
    assert (told["level"], told["event"], told["requests"]) == ("warning", "a claim failed", 3)
    assert told["request_id"] == "request-0003"
    assert CANARY not in line


def test_an_error_is_one_line_with_its_places_and_without_its_words(lines: io.StringIO) -> None:
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("profiles.test").exception("it broke")

    (line,) = lines.getvalue().splitlines()
    assert CANARY not in line
    assert json.loads(line)["places"][0] == "ValueError"
    assert "test_observability.py" in json.loads(line)["places"][1]


def test_somebody_who_reads_along_gets_words() -> None:
    record = logging.LogRecord("profiles.test", logging.WARNING, "", 0, "a claim failed", (), None)
    record.requests, record.email = 3, CANARY

    told = PlainLines().format(record)

    assert told.endswith("WARNING profiles.test a claim failed requests=3")


@pytest.mark.django_db
@override_settings(CDP_SLOW_REQUEST_MS=0)
def test_a_slow_request_is_told_by_its_route(lines: io.StringIO) -> None:
    Client().get(f"/v1/profiles/email:{CANARY}")

    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    (request,) = [line for line in told if line["event"] == "request"]
    assert request["route"] == "/v1/profiles/<slug:type>:<identifier:value>"
    assert (request["method"], request["status"]) == ("GET", 401)
    assert CANARY not in lines.getvalue()


@pytest.mark.django_db
def test_a_claim_that_fails_names_the_requests_it_was_made_of(
    lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object, **more: object) -> None:
        raise ValueError(CANARY)

    monkeypatch.setattr("profiles.ingest.rows.copy_events", fail)
    _, token = api_keys.issue(
        kind=KeyKind.SECRET, name="shop", scopes={Scope.INGEST_WRITE}, source="shop", by=None, now=datetime.now(UTC)
    )
    sent = Client().post(
        "/v1/track",
        {"userId": CANARY, "event": "Order Completed"},
        content_type="application/json",
        headers={"X-Write-Key": token, "X-Request-Id": "request-0004"},
    )
    pipeline.claim_once()

    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    (failed,) = [line for line in told if line["event"] == "a claim failed"]
    assert sent["X-Request-Id"] == "request-0004"
    assert failed["request_ids"] == ["request-0004"]
    assert failed["error"].startswith("ValueError at ")
    assert CANARY not in lines.getvalue()
