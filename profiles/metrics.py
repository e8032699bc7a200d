"""What /metrics tells about events and people, asked of the database at that moment."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Count

from cdp.metrics import Gauge, Sample
from profiles.ingest.accounting import totals
from profiles.models import Due, InboxRow, InboxState, ParkedTouch, Profile, RejectedEvent

_QUANTILES = (0.5, 0.95, 0.99)
# Of the requests finished within the last minute; one that waited longer than ten is told by the age of the oldest.
_STORED_LAG = """
SELECT percentile_cont(%s::float8[]) WITHIN GROUP (ORDER BY extract(epoch FROM done_at - received_at))
  FROM inbox
 WHERE received_at > %s::timestamptz - interval '10 minutes' AND done_at > %s::timestamptz - interval '1 minute'
"""
# Of the latest events of some people: seen when the person was evaluated after them, and until then the wait goes on.
# Somebody evaluated once more since, because time passed, counts as seen then: the figure errs to the long side.
_VISIBLE_LAG = """
WITH latest AS (SELECT DISTINCT ON (origin_id) origin_id, received_at, applied_at FROM events
                 WHERE applied_at > %(now)s::timestamptz - interval '20 seconds'
                 ORDER BY origin_id, applied_at DESC LIMIT 2000)
SELECT percentile_cont(%(ranks)s::float8[]) WITHIN GROUP (ORDER BY greatest(0, extract(epoch FROM
           CASE WHEN evaluated_at >= applied_at THEN evaluated_at ELSE %(now)s END - received_at)))
  FROM latest JOIN origin ON origin.id = origin_id JOIN profile ON profile.id = root_id
"""
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
    yield Gauge("cdp_stored_lag_seconds", "From acknowledged to stored, over the last minute.", _stored_lag(now))
    yield Gauge("cdp_visible_lag_seconds", "From acknowledged to evaluated, of the last seconds.", _visible_lag(now))
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


def _stored_lag(now: datetime) -> tuple[Sample, ...]:
    with connection.cursor() as cursor:
        cursor.execute(_STORED_LAG, [list(_QUANTILES), now, now])
        found = cursor.fetchone()[0]
    return _by_quantile(found)


def _visible_lag(now: datetime) -> tuple[Sample, ...]:
    with connection.cursor() as cursor:
        cursor.execute(_VISIBLE_LAG, {"now": now, "ranks": list(_QUANTILES)})
        found = cursor.fetchone()[0]
    return _by_quantile(found)


def _by_quantile(found: Sequence[float] | None) -> tuple[Sample, ...]:
    if found is None:
        return ()
    return tuple(Sample(value, {"quantile": str(rank)}) for rank, value in zip(_QUANTILES, found, strict=True))


def _touched() -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHED)
        touches, people = cursor.fetchone()
    return touches, people
