"""Limits per caller: exact whatever processes the calls reach, told in every answer, and no trouble when Valkey is."""

import multiprocessing
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import redis
from django.conf import settings
from django.test import Client, override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from cdp import api_keys, limits
from cdp.limits import Policy
from cdp.models import KeyKind, Scope
from tests.cdp.conftest import person

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
CALLS = 200


@pytest.fixture
def subject(servers: object) -> str:
    return uuid4().hex


@pytest.fixture
def without_valkey() -> Iterator[None]:
    """The address of a server that is not there, for a counter that is nobody else's."""
    limits._counter.cache_clear()
    with override_settings(REDIS_URL="unix:///nowhere/valkey.socket"):
        yield
    limits._counter.cache_clear()


def spend(subject: str, limit: int, *, now: datetime = NOW, cost: int = 1) -> limits.Standing:
    return limits.charge(subject=subject, policy=Policy("tests", limit), now=now, cost=cost)


# -- exact ------------------------------------------------------------------------------------------------------------
def _calls(subject: str, limit: int, calls: int, start: object, passed: object) -> None:
    start.wait()
    allowed = sum(spend(subject, limit).allowed for _ in range(calls))
    with passed.get_lock():
        passed.value += allowed


@pytest.mark.parametrize("limit", [1, 50, 199])
def test_of_two_hundred_calls_from_four_processes_exactly_as_many_pass_as_may(subject: str, limit: int) -> None:
    fork = multiprocessing.get_context("fork")
    start, passed = fork.Event(), fork.Value("i", 0)
    processes = [fork.Process(target=_calls, args=(subject, limit, CALLS // 4, start, passed)) for _ in range(4)]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join(30)

    assert [process.exitcode for process in processes] == [0] * 4
    assert passed.value == limit


def test_a_large_limit_is_shared_out_in_parts_and_still_never_exceeded(subject: str) -> None:
    limit = 4_000
    fork = multiprocessing.get_context("fork")
    start, passed = fork.Event(), fork.Value("i", 0)
    processes = [fork.Process(target=_calls, args=(subject, limit, limit, start, passed)) for _ in range(2)]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join(60)

    assert passed.value == limit  # both asked until they were refused, so nothing lies unspent


def test_a_window_ends_a_minute_after_its_first_call(subject: str) -> None:
    assert [spend(subject, 2).allowed for _ in range(3)] == [True, True, False]
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        assert 0 < valkey.pttl(f"cdp:limit:tests:{subject}") <= 60_000
        valkey.pexpire(f"cdp:limit:tests:{subject}", 1)
        while valkey.exists(f"cdp:limit:tests:{subject}"):
            pass
    assert spend(subject, 2, now=NOW + timedelta(seconds=61)).allowed


def test_a_refused_call_costs_nothing_so_a_smaller_one_may_still_pass(subject: str) -> None:
    assert spend(subject, 10, cost=8).allowed
    assert not spend(subject, 10, cost=3).allowed
    assert spend(subject, 10, cost=2).allowed


def test_what_is_larger_than_the_limit_itself_passes_an_untouched_window_or_it_never_could(subject: str) -> None:
    assert spend(subject, 10, cost=25).allowed
    assert not spend(subject, 10).allowed


def test_callers_and_policies_are_counted_apart(subject: str) -> None:
    assert spend(subject, 1).allowed
    assert spend(subject + "x", 1).allowed
    assert limits.charge(subject=subject, policy=Policy("others", 1), now=NOW).allowed


def test_no_limit_asks_nobody_and_tells_nothing(without_valkey: None) -> None:
    standing = spend("anybody", 0)
    assert standing.allowed
    assert standing.headers() == {}


def test_the_headers_tell_the_policy_and_what_is_left_of_it(subject: str) -> None:
    first, second = spend(subject, 1), spend(subject, 1)

    assert first.headers() == {"RateLimit-Policy": '"tests";q=1;w=60', "RateLimit": '"tests";r=0;t=60'}
    assert second.headers() == first.headers() | {"Retry-After": "60"}
    assert (second.refusal().status, second.refusal().code) == (429, "rate_limited")


# -- without Valkey ---------------------------------------------------------------------------------------------------
def test_without_valkey_a_process_counts_for_itself_and_refuses_nobody_within_the_limit(without_valkey: None) -> None:
    assert Counter(spend("somebody", 50).allowed for _ in range(60)) == {True: 50, False: 10}
    assert spend("somebody", 50, now=NOW + timedelta(seconds=60)).allowed


def test_a_valkey_that_fails_is_left_alone_for_a_second(without_valkey: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    counter = limits._counter(limits.os.getpid())

    def fail(**_: object) -> None:
        asked.append(1)
        raise redis.TimeoutError

    monkeypatch.setattr(counter, "_script", fail)
    for _ in range(20):
        spend(uuid4().hex, 5)
    assert len(asked) == 1
    spend(uuid4().hex, 5, now=NOW + timedelta(seconds=1))
    assert len(asked) == 2


def test_an_address_is_counted_without_being_told_to_anybody() -> None:
    assert re.fullmatch(r"address:[0-9a-f]{20}", limits.stranger("192.0.2.7"))
    assert limits.stranger("192.0.2.7") == limits.stranger("192.0.2.7") != limits.stranger("192.0.2.8")


# -- in every answer --------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_every_rest_view_tells_a_person_where_they_stand_and_refuses_what_is_too_much() -> None:
    client = APIClient()
    client.force_authenticate(person(uuid4().hex, "administrator"))
    with override_settings(CDP_REQUESTS_PER_MINUTE=2):
        answers = [client.get("/v1/keys") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer["RateLimit"].split(";")[1] for answer in answers] == ["r=1", "r=0", "r=0"]
    refused = answers[-1]
    assert refused["Content-Type"] == "application/problem+json"
    assert (refused.json()["code"], bool(refused.json()["message"])) == ("rate_limited", True)
    assert 1 <= int(refused["Retry-After"]) <= 60


@pytest.mark.django_db
def test_an_application_is_counted_by_its_key_and_as_reads() -> None:
    rights = {"scopes": [Scope.SEGMENTS_READ], "by": None, "now": timezone.now()}
    _, token = api_keys.issue(kind=KeyKind.SECRET, name=uuid4().hex, **rights)
    with override_settings(CDP_READS_PER_MINUTE=1, CDP_REQUESTS_PER_MINUTE=1):
        answers = [Client().get("/v1/segments", headers={"Authorization": f"Bearer {token}"}) for _ in range(2)]

    assert [(answer.status_code, answer["RateLimit-Policy"]) for answer in answers] == [
        (200, '"reads";q=1;w=60'),
        (429, '"reads";q=1;w=60'),
    ]


@pytest.mark.django_db
def test_strangers_are_counted_by_address() -> None:
    where = {"REMOTE_ADDR": f"2001:db8::{uuid4().hex[:4]}"}
    with override_settings(CDP_REQUESTS_PER_MINUTE=1):
        answers = [Client().get("/openapi.json", **where) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
