"""What /metrics tells about events and people, asked of the database at that moment."""

from collections.abc import Iterator
from datetime import datetime

from django.db import connection
from django.db.models import Count

from cdp.metrics import Gauge, Sample
from profiles.ingest.accounting import totals
from profiles.models import Due, InboxRow, InboxState, ParkedTouch, Profile, RejectedEvent

_TOUCHED = "SELECT count(*), count(DISTINCT profile_id) FROM touched"


def collect(now: datetime, /) -> Iterator[Gauge]:
    """Every event accounted for, what waits and since when, and how many people there are."""
    sums = totals()
    yield _gauge("cdp_events_accepted", "Events accepted: stored, duplicate, rejected and pending.", sums.accepted)
    yield _gauge("cdp_events_stored", "Accepted events that were stored.", sums.stored)
    yield _gauge("cdp_events_duplicate", "Accepted events that had been stored before.", sums.duplicate)
    yield _gauge("cdp_events_rejected", "Accepted events that were refused afterwards.", sums.rejected)
    yield _gauge("cdp_events_pending", "Accepted events that wait to be stored.", sums.pending)
    yield _gauge("cdp_events_parked", "The part of the pending events that waits for a person.", sums.parked)
    yield Gauge("cdp_rejected_events", "Rejected events on record, by the reason's code.", _rejected_by_code())
    yield _gauge("cdp_pending_oldest_seconds", "Age of the oldest pending request.", _oldest_pending(now))
    touches, people = _touched()
    yield _gauge("cdp_touches_waiting", "Notes of changed people that no lane has taken yet.", touches)
    yield _gauge("cdp_touched_people_waiting", "People among them.", people)
    yield Gauge("cdp_touches_parked", "Notes of people whose evaluation fails, by the error.", _parked_by_error())
    overdue = Due.objects.filter(due_at__lte=now).count()
    yield _gauge("cdp_due_waiting", "People whose due time has passed and who were not evaluated since.", overdue)
    yield _gauge("cdp_people", "People, each counted once.", Profile.objects.filter(merged_into=None).count())


def _gauge(name: str, description: str, value: float) -> Gauge:
    return Gauge(name, description, (Sample(value),))


def _rejected_by_code() -> tuple[Sample, ...]:
    rows = RejectedEvent.objects.values_list("code").annotate(Count("id")).order_by("code")
    return tuple(Sample(count, {"code": code}) for code, count in rows)


def _parked_by_error() -> tuple[Sample, ...]:
    rows = ParkedTouch.objects.values_list("error").annotate(Count("id")).order_by("error")
    return tuple(Sample(count, {"error": error}) for error, count in rows)


def _oldest_pending(now: datetime) -> float:
    # By id, which the index of pending rows is ordered by; ids are given in the order of arrival.
    waiting = InboxRow.objects.filter(state=InboxState.PENDING).order_by("id")
    oldest = waiting.values_list("received_at", flat=True).first()
    return max(0.0, (now - oldest).total_seconds()) if oldest else 0.0


def _touched() -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHED)
        touches, people = cursor.fetchone()
    return touches, people
