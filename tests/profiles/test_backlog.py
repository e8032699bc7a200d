"""How much waits: exactly where it is little, closely where it is much, never by counting; and how long to wait."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from profiles.ingest import backlog
from profiles.ingest.backlog import Level, wait_seconds
from profiles.models import InboxRow, InboxState
from tests.profiles import stream
from tests.profiles.stream import NOON, track

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _measured_anew() -> None:
    backlog.forget()


def wait(requests: int, *, events: int) -> None:
    """Put requests into the inbox that say they hold so many events."""
    stream.send([track(userId="u")])
    template = InboxRow.objects.latest("id")
    InboxRow.objects.filter(id=template.id).delete()
    stream.rows(
        "INSERT INTO inbox (source_id, route, body, size, assurance, event_count)"
        " SELECT %s, 'batch', '{}', 2, 'server', %s FROM generate_series(1, %s) RETURNING 1",
        template.source_id,
        events,
        requests,
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("requests", "events"), [(0, 1), (1, 7), (1_999, 3), (2_001, 5), (9_000, 40)])
def test_what_waits_is_known_without_counting_it_all(requests: int, events: int) -> None:
    wait(requests, events=events)
    found = backlog.level(now=NOON)

    assert found.pending == pytest.approx(requests * events, rel=0.02)
    if requests < 2_000:
        assert found.pending == requests * events


@pytest.mark.django_db
def test_an_old_request_that_keeps_failing_does_not_make_a_backlog_of_what_was_stored_since() -> None:
    wait(5_000, events=10)
    stuck = InboxRow.objects.earliest("id")
    InboxRow.objects.exclude(id__in=[stuck.id]).update(state=InboxState.DONE, stored=10)

    assert backlog.level(now=NOON).pending == 10


@pytest.mark.django_db
def test_what_is_parked_waits_for_a_person_and_holds_up_nobody() -> None:
    wait(3, events=10)
    InboxRow.objects.update(state=InboxState.PARKED)
    assert backlog.level(now=NOON).pending == 0


@pytest.mark.django_db
def test_it_is_measured_at_most_once_a_second() -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        for milliseconds in range(0, 2_000, 100):
            backlog.level(now=NOON + timedelta(milliseconds=milliseconds))
    assert len(asked) == 2


@pytest.mark.django_db
def test_the_speed_of_storing_is_seen_in_what_is_gone_and_what_came_meanwhile() -> None:
    wait(100, events=10)
    assert backlog.level(now=NOON).per_second is None
    gone = InboxRow.objects.order_by("id").values_list("id", flat=True)[:60]
    InboxRow.objects.filter(id__in=list(gone)).update(state=InboxState.DONE, stored=10)
    assert backlog.level(now=NOON + SECOND).per_second == 600

    wait(60, events=10)
    gone = InboxRow.objects.filter(state=InboxState.PENDING).order_by("id").values_list("id", flat=True)[:60]
    InboxRow.objects.filter(id__in=list(gone)).update(state=InboxState.DONE, stored=10)
    assert backlog.level(now=NOON + 2 * SECOND).per_second == pytest.approx(600, rel=0.05)


@given(pending=st.integers(0, 10**9), more=st.integers(0, 10**9), rate=st.none() | st.floats(0, 1e6))
def test_the_more_waits_the_later_a_sender_shall_come_back(pending: int, more: int, rate: float | None) -> None:
    soon, late = (wait_seconds(pending=amount, per_second=rate) for amount in (pending, pending + more))
    assert 1 <= soon <= late <= 300


@given(pending=st.integers(0, 10**9), slow=st.floats(0, 1e6), faster=st.floats(0, 1e6))
def test_the_faster_it_is_stored_the_sooner(pending: int, slow: float, faster: float) -> None:
    later, sooner = (wait_seconds(pending=pending, per_second=rate) for rate in (slow, slow + faster))
    assert sooner <= later


def test_nothing_is_too_much_where_there_is_no_limit(settings: object) -> None:
    level = Level(NOON, 10**9, None, 1, 1.0)
    settings.CDP_MOST_PENDING_EVENTS = 0
    assert not level.too_high
    settings.CDP_MOST_PENDING_EVENTS = 10
    assert level.too_high
