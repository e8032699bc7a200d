"""What manage.py doctor asks about events and people."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection

from cdp.doctor import Finding, attention, fine, wrong
from profiles.ingest import rejections
from profiles.ingest.accounting import totals
from profiles.models import Due, ParkedTouch

LONG_WAIT_SECONDS = 60
OVERDUE_SECONDS = 30
_LAST_HOUR = timedelta(hours=1)
_MOST_REASONS = 3

_DAY_MISSING = """
SELECT bool_or(inhrelid IS NULL)
  FROM generate_series((now() AT TIME ZONE 'UTC')::date, (now() AT TIME ZONE 'UTC')::date + 1, '1 day') AS day
  LEFT JOIN pg_inherits ON inhparent = 'inbox'::regclass
   AND inhrelid::regclass::text = 'inbox_' || to_char(day, 'YYYY_MM_DD')
"""


def examine(now: datetime, /) -> Iterator[Finding]:
    """Where every event went, who waits, and what was refused."""
    yield from _accounts(now)
    yield from _people(now)
    yield from _rejected(now)
    with connection.cursor() as cursor:
        cursor.execute(_DAY_MISSING)
        if cursor.fetchone()[0]:
            yield attention("The inbox has no partition for today or tomorrow.", "The sweep makes it: see to a worker.")


def _accounts(now: datetime) -> Iterator[Finding]:
    sums = totals()
    if not sums.balanced:
        yield wrong(
            f"The accounts do not balance: {sums.accepted} accepted, {sums.stored} stored, {sums.duplicate} duplicate,"
            f" {sums.rejected} rejected, {sums.pending} pending.",
            "Rows were changed past the product; compare with your last backup.",
        )
    else:
        yield fine(f"Every one of {sums.accepted} accepted events is accounted for; {sums.pending} are pending.")
    if sums.parked:
        yield attention(
            f"{sums.parked} events are in requests that failed five times and are parked.",
            "Admin → Requests, parked: each says what failed. Take them up again once it is mended.",
        )
    oldest = _oldest_pending(now)
    if oldest > LONG_WAIT_SECONDS:
        yield wrong(
            f"The oldest pending request has waited for {oldest:.0f} s.",
            "Workers are silent or slower than the senders: look at the lines above, or start more of them.",
        )


def _oldest_pending(now: datetime) -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT received_at FROM inbox WHERE state = 0 ORDER BY id LIMIT 1")
        found = cursor.fetchone()
    return (now - found[0]).total_seconds() if found else 0.0


def _people(now: datetime) -> Iterator[Finding]:
    parked = ParkedTouch.objects.values("profile_id").distinct().count()
    if parked:
        errors = ", ".join(ParkedTouch.objects.values_list("error", flat=True).distinct()[:_MOST_REASONS])
        yield wrong(
            f"{parked} people cannot be evaluated ({errors}); their segments stand as they were.",
            "They are tried again every five minutes. Look at log/worker.log; a rule or a stored value is at fault.",
        )
    overdue = Due.objects.filter(due_at__lte=now - timedelta(seconds=OVERDUE_SECONDS)).count()
    if overdue:
        yield attention(
            f"{overdue} people should have been looked at again more than {OVERDUE_SECONDS} s ago.",
            "Reads evaluate them on the spot; the sweep is behind: start more workers if it does not catch up.",
        )


def _rejected(now: datetime) -> Iterator[Finding]:
    counts = sorted(rejections.counts(since=now - _LAST_HOUR).items(), key=lambda found: -found[1])
    if counts:
        reasons = ", ".join(f"{count} × {code}" for code, count in counts[:_MOST_REASONS])
        yield attention(
            f"Events of the last hour were rejected: {reasons}.",
            "Admin → Rejected events says which field and why; mend the sender, then send them through again.",
        )
