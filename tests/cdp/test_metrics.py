"""GET /metrics: who may scrape, and that the figures are those of the database."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from cdp import api_keys, metrics
from cdp.models import Heartbeat, KeyKind, Scope
from profiles import lanes
from profiles.ingest import pipeline
from tests.profiles import stream
from tests.segments.world import World

pytestmark = pytest.mark.django_db


def key_with(*scopes: Scope) -> str:
    _, token = api_keys.issue(kind=KeyKind.SECRET, name="scraper", scopes=scopes, by=None, now=datetime.now(UTC))
    return token


def scrape(**headers: str) -> Any:
    if "Authorization" not in headers:
        headers["Authorization"] = f"Bearer {key_with(Scope.METRICS_READ)}"
    return Client(headers=headers).get("/metrics")


def figures(text: str) -> dict[tuple[str, str], float]:
    """Each sample by its name and the value of its only label, if any."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("cdp_")
    }


def test_it_counts_what_came_of_every_event_and_how_many_wait() -> None:
    twice = stream.track(userId="ann")
    stream.apply(twice, twice, stream.track(), stream.track(userId="ben"))
    stream.work()
    stream.send([stream.track(userId="cleo"), stream.track(userId="dora")])

    found = figures(scrape().content.decode())

    assert found["cdp_events_accepted", ""] == 6
    assert found["cdp_events_stored", ""] == 2
    assert found["cdp_events_duplicate", ""] == 1
    assert found["cdp_events_rejected", ""] == found["cdp_rejected_events", "missing_id"] == 1
    assert found["cdp_events_pending", ""] == 2
    assert found["cdp_pending_oldest_seconds", ""] > 0
    assert found["cdp_people", ""] == 2
    assert found["cdp_touches_waiting", ""] == found["cdp_due_waiting", ""] == 0


def test_people_who_wait_to_be_evaluated_are_counted() -> None:
    stream.send([stream.track(userId="ann")])
    pipeline.claim_once()

    found = figures(scrape().content.decode())

    assert found["cdp_touched_people_waiting", ""] == 1
    assert found["cdp_touches_waiting", ""] >= 1


def test_lags_are_told_once_there_is_something_to_tell() -> None:
    scraper = {"Authorization": f"Bearer {key_with(Scope.METRICS_READ)}"}

    def quantiles(name: str) -> list[float]:
        found = figures(scrape(**scraper).content.decode())
        return [found[name, rank] for rank in ("0.5", "0.95", "0.99") if (name, rank) in found]

    assert quantiles("cdp_stored_lag_seconds") == quantiles("cdp_visible_lag_seconds") == []
    stream.send([stream.track(userId="ann")])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE inbox SET received_at = received_at - interval '3 seconds'")
    pipeline.claim_once()
    waiting = quantiles("cdp_visible_lag_seconds")
    assert len(waiting) == 3 and min(waiting) > 3
    assert quantiles("cdp_visible_lag_seconds") > waiting
    lanes.run_once()
    stored, seen = quantiles("cdp_stored_lag_seconds"), quantiles("cdp_visible_lag_seconds")
    assert len(stored) == 3 and min(stored) > 3
    assert seen >= stored
    assert quantiles("cdp_visible_lag_seconds") == seen


def test_it_tells_the_size_of_every_live_segment_and_whether_it_is_ready() -> None:
    world = World()
    world.person(country="DE")
    world.publish("germans", {"trait": "country", "op": "=", "value": "DE"})
    before = figures(scrape().content.decode())
    world.backfill()
    after = figures(scrape().content.decode())

    assert (before["cdp_segment_members", "germans"], before["cdp_segment_ready", "germans"]) == (0, 0)
    assert (after["cdp_segment_members", "germans"], after["cdp_segment_ready", "germans"]) == (1, 1)


def test_the_silence_of_the_workers_is_told_once_one_has_beaten() -> None:
    assert ("cdp_worker_silence_seconds", "") not in figures(scrape().content.decode())
    Heartbeat.objects.create(name="worker", at=datetime.now(UTC) - timedelta(minutes=1))
    assert figures(scrape().content.decode())["cdp_worker_silence_seconds", ""] >= 60


def test_a_process_tells_its_own_counters_under_its_number() -> None:
    families = {family.name: family for family in text_string_to_metric_families(scrape().content.decode())}

    requests = families["django_http_requests_before_middlewares"]
    assert requests.samples and all(sample.labels["pid"] for sample in requests.samples)


@pytest.mark.parametrize("accept", ["application/openmetrics-text;version=1.0.0", "text/html", "*/*"])
def test_whatever_a_scraper_accepts_it_gets_the_text_format(accept: str) -> None:
    answer = scrape(Accept=accept)

    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")


def test_a_key_may_be_the_user_name_of_basic_authentication() -> None:
    basic = base64.b64encode(f"{key_with(Scope.METRICS_READ)}:".encode()).decode()

    assert scrape(Authorization=f"Basic {basic}").status_code == 200


def test_it_takes_a_key_and_the_scope_for_it() -> None:
    nobody, other = Client().get("/metrics"), scrape(Authorization=f"Bearer {key_with(Scope.PROFILES_READ)}")

    assert (nobody.status_code, nobody["Content-Type"]) == (401, "application/problem+json")
    assert (other.status_code, other.json()["code"]) == (403, "scope_missing")


def test_without_the_database_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(now: datetime, /) -> tuple[metrics.Gauge, ...]:
        raise DatabaseError

    monkeypatch.setattr(metrics, "collect", away)
    answer = scrape()

    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "unavailable", "5")
