"""Old months of events and finished days of the inbox are let go of, while everything else goes on."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from profiles import retention
from profiles.ingest import accounting
from profiles.models import RejectedEvent, RetiredMonth
from segments import memberships
from tests.profiles import stream
from tests.profiles.stream import one, person, rows
from tests.segments.world import World

TWICE = {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 2}
NEVER = {"event": "Product Viewed", "measure": "count", "op": "=", "value": 0}
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _three_months(settings, transactional_db) -> None:
    """Without the months that other tests left."""
    settings.CDP_EVENT_RETENTION_MONTHS = 3
    while retention.advance(now=datetime.now(UTC)):
        pass
    RetiredMonth.objects.all().delete()


def _looked(who: str, *, days: int) -> dict:
    return stream.track(userId=who) | {"timestamp": (datetime.now(UTC) - timedelta(days=days)).isoformat()}


def _let_go() -> None:
    while retention.advance(now=datetime.now(UTC)):
        pass
    stream.work()


def _with_old_events(world: World, settings) -> None:
    """Stored while everything was kept."""
    settings.CDP_EVENT_RETENTION_MONTHS = 0
    world.publish("twice", TWICE, now=datetime.now(UTC))
    world.publish("never", NEVER, now=datetime.now(UTC), acknowledged=["true_without_data"])
    stream.apply(*[_looked("ann", days=days) for days in (1, 200)], *[_looked("bob", days=days) for days in (1, 2)])
    stream.apply(_looked("cleo", days=200))
    settings.CDP_EVENT_RETENTION_MONTHS = 3


def test_a_month_goes_with_its_counts_keys_and_memberships(world: World, settings) -> None:
    _with_old_events(world, settings)
    ann, bob, cleo = (person("user_id", name) for name in ("ann", "bob", "cleo"))
    assert world.members("twice") == {ann, bob}
    before = accounting.totals()
    _let_go()
    assert one("SELECT count(*) FROM events") == one("SELECT count(*) FROM event_key") == 3
    assert dict(rows("SELECT id, event_count FROM profile")) == {ann: 1, bob: 2, cleo: 0}
    assert world.members("twice") == {bob}
    assert world.members("never") == {cleo}
    assert memberships.recompute_differences(now=datetime.now(UTC)) == ()
    assert accounting.totals() == before
    assert accounting.totals().balanced
    month = RetiredMonth.objects.get()
    assert (month.events, month.dropped_at is None) == (2, False)
    assert one("SELECT to_regclass(%s)::text", f"retired_events_{month.month:%Y_%m}") is None


def test_a_step_that_was_interrupted_is_gone_on_with(world: World, settings, monkeypatch) -> None:
    _with_old_events(world, settings)
    monkeypatch.setattr(retention, "ORIGINS_PER_STEP", 1)
    steps = 0
    while retention.advance(now=datetime.now(UTC)):
        steps += 1
        stream.work()
    assert steps == 4, "detached, two origins, dropped"
    assert sum(count for (count,) in rows("SELECT event_count FROM profile")) == 3
    assert memberships.recompute_differences(now=datetime.now(UTC)) == ()


def test_an_event_for_a_retired_month_is_refused_and_the_month_stays_away(world: World, settings) -> None:
    _with_old_events(world, settings)
    _let_go()
    stream.apply(_looked("ann", days=200))
    assert one("SELECT count(*) FROM events") == 3
    assert RejectedEvent.objects.get().code == "too_old"
    assert accounting.totals().balanced
    assert not retention.advance(now=datetime.now(UTC))


def test_nobody_waits_long_while_a_month_is_detached(world: World, settings) -> None:
    _with_old_events(world, settings)
    stop, waits = threading.Event(), []

    def read_and_store() -> None:
        while not stop.is_set():
            began = time.monotonic()
            stream.apply(_looked("ann", days=0))
            rows("SELECT count(*) FROM events WHERE origin_id = 1")
            waits.append(time.monotonic() - began)
        connection.close()

    busy = threading.Thread(target=read_and_store)
    with transaction.atomic():
        rows("SELECT count(*) FROM events")  # a reader who holds on to all months
        busy.start()
        elsewhere = threading.Thread(target=lambda: (_refused(), connection.close()))
        elsewhere.start()
        elsewhere.join()
    _let_go()
    stop.set()
    busy.join()
    assert RetiredMonth.objects.get().dropped_at is not None
    assert len(waits) >= 2
    assert max(waits) < 1.5, "a wait of a fifth of a second behind each try, beside the work itself"
    assert memberships.recompute_differences(now=datetime.now(UTC)) == ()


def _refused() -> None:
    for _ in range(3):
        assert not retention.advance(now=datetime.now(UTC)), "the reader is in the way"


def test_a_day_of_the_inbox_goes_once_all_is_done_and_leaves_its_sums(settings) -> None:
    settings.CDP_INBOX_RETENTION_DAYS = 7
    today = datetime.now(UTC).replace(hour=12)
    for days, state in ((40, 1), (41, 2)):
        day = today - timedelta(days=days)
        rows("SELECT cdp_ensure_inbox_days(%s::date, 1)", day)
        rows(
            "INSERT INTO inbox (received_at, source_id, route, body, size, assurance, event_count, state, stored,"
            " duplicates, rejected) VALUES (%s, 1, 'batch', '{}', 2, 'server', 6, %s, 3, 2, 1) RETURNING id",
            day,
            state,
        )
    stream.apply(_looked("ann", days=0))
    before, since = accounting.totals(), accounting.totals(since=today - timedelta(days=50))
    _let_go()
    assert one("SELECT count(*) FROM inbox") == 2
    assert rows("SELECT accepted, stored, duplicates, rejected FROM inbox_day_total") == [(6, 3, 2, 1)]
    assert accounting.totals() == before
    assert accounting.totals(since=today - timedelta(days=50)) == since
    assert accounting.totals(since=today - timedelta(days=5)).accepted == 1
