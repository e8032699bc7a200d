"""manage.py doctor: what is wrong is found, said in words, and comes with what to do."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from cdp.doctor import Finding, Level, examine
from cdp.models import Heartbeat, User
from profiles import days
from profiles.ingest import pipeline
from tests.profiles import stream

pytestmark = pytest.mark.django_db


@pytest.fixture
def healthy() -> None:
    Heartbeat.objects.create(name="worker", at=datetime.now(UTC))
    User.objects.create_user("admin").groups.add(Group.objects.get(name="administrator"))
    days.prepare()


def findings(level: Level | None = None) -> list[Finding]:
    found = list(examine(now=datetime.now(UTC)))
    return [each for each in found if level is None or each.level is level]


def told(level: Level) -> str:
    return "\n".join(f"{each.told} {each.todo}" for each in findings(level))


def test_nothing_is_wrong_with_a_healthy_installation(healthy: None) -> None:
    # The tests' own servers write nothing durably, and that is what it says of them.
    assert [each.told for each in findings(Level.WRONG)] == [
        "PostgreSQL runs with fsync off: a power cut loses accepted events."
    ]
    assert "Workers and beat are at work." in told(Level.FINE)


def test_whatever_is_not_fine_says_what_to_do(healthy: None) -> None:
    assert all(each.todo for each in findings() if each.level is not Level.FINE)


def test_workers_that_never_worked_are_told_from_those_that_fell_silent(healthy: None) -> None:
    Heartbeat.objects.update(at=datetime.now(UTC) - timedelta(minutes=5))
    assert "No worker has beaten for 300 s" in told(Level.WRONG)
    Heartbeat.objects.all().delete()
    assert "No worker has ever worked on this database" in told(Level.WRONG)


def test_events_that_wait_too_long_are_found(healthy: None) -> None:
    stream.send([stream.track(userId="ann")])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE inbox SET received_at = received_at - interval '5 minutes'")

    assert "The oldest pending request has waited for 300 s." in told(Level.WRONG)


def test_rejected_and_parked_events_are_told_with_their_reason(healthy: None) -> None:
    stream.send([stream.track()])
    pipeline.claim_once()
    assert "1 × missing_id" in told(Level.ATTENTION)

    stream.send([stream.track(userId="ann"), stream.track(userId="ben")])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE inbox SET state = 2 WHERE state = 0")
    assert "2 events are in requests that failed five times" in told(Level.ATTENTION)


def test_people_whose_evaluation_fails_are_told_with_the_error(healthy: None) -> None:
    stream.apply(stream.track(userId="ann"))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO parked_touch (profile_id, keys, cause, error, parked_at)"
            " SELECT id, '{*}', 'event', 'DataError 22003', now() FROM profile"
        )

    assert "1 people cannot be evaluated (DataError 22003)" in told(Level.WRONG)


@override_settings(ALLOWED_HOSTS=["cdp.example.com"], CDP_HTTPS=False, CDP_REQUIRE_OTP=False)
def test_a_door_to_the_world_without_tls_or_second_factor_is_pointed_out(healthy: None) -> None:
    assert "answers to cdp.example.com and does not insist on HTTPS" in told(Level.ATTENTION)
    assert "sign in with a password alone" in told(Level.ATTENTION)


@override_settings(REDIS_URL="redis://127.0.0.1:1/0")
def test_without_redis_it_says_what_still_works(healthy: None) -> None:
    assert "Events are accepted; they are applied by the sweep" in told(Level.ATTENTION)


def test_a_root_key_that_others_can_read_is_wrong(healthy: None, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o644)
    with override_settings(CDP_SECRET_FILE=secret):
        assert "can be read by others (mode 644). chmod 600" in told(Level.WRONG)


def test_the_command_ends_with_1_when_something_is_wrong(healthy: None) -> None:
    Heartbeat.objects.all().delete()
    out = StringIO()
    with pytest.raises(SystemExit) as ending:
        call_command("doctor", "--json", stdout=out)

    assert ending.value.code == 1
    assert {each["level"] for each in json.loads(out.getvalue())} >= {"fine", "wrong"}
