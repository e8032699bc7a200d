"""Let go of what is older than was promised: months of events by partition, finished days of the inbox.

A month goes in steps, each a short transaction of its own, so that it may be interrupted anywhere and go on later:

    1 detach    the partition leaves `events` and is noted in `retired_month`. That takes a lock for a moment, and gives
                up within a fifth of a second where somebody is in the way: then it is tried again at the next run
    2 take out  origin by origin: the events leave the counts, their keys are deleted, and whom they belonged to is
                touched, so that windows longer than the retention are judged again on what is left
    3 drop      when no origin is left, nobody can see the table and it is dropped

What a person stated as a trait stays, and so does when they were first and last seen: these are facts about the person
and go with them. An event that comes in for a retired month is refused, or it would bring the month back. A day of the
inbox goes once all of its requests are done; what became of their events is added up in `inbox_day_total` first.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, transaction

from cdp.metrics import Gauge, Sample
from profiles.ingest.gates import Arrival, Findings, Verdict
from profiles.models import InboxDayTotal, RetiredMonth

ORIGINS_PER_STEP = 2_000
_LOCK_NOT_AVAILABLE = "55P03"

_DUE_MONTHS = """
SELECT to_date(substring(relname FROM 8), 'YYYY_MM') FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
 WHERE inhparent = 'events'::regclass AND relname ~ '^events_[0-9]{4}_[0-9]{2}$'
   AND to_date(substring(relname FROM 8), 'YYYY_MM') < %s ORDER BY 1
"""
_DUE_DAYS = """
SELECT to_date(substring(relname FROM 7), 'YYYY_MM_DD') FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
 WHERE inhparent = 'inbox'::regclass AND relname ~ '^inbox_[0-9]{4}_[0-9]{2}_[0-9]{2}$'
   AND to_date(substring(relname FROM 7), 'YYYY_MM_DD') < %s ORDER BY 1
"""
# The keys are made of what the event was known by, so they are found by their primary key. Origins are locked in the
# order of ids, as lanes and merges do.
_TAKE_OUT = """
WITH gone AS MATERIALIZED (
    SELECT origin_id, source_id, message_id FROM {table}
     WHERE origin_id > %(after)s AND origin_id <= %(until)s),
counted AS (SELECT origin_id, count(*) AS events FROM gone GROUP BY origin_id),
held AS MATERIALIZED (
    SELECT id FROM origin WHERE id = ANY(ARRAY(SELECT origin_id FROM counted)) ORDER BY id FOR NO KEY UPDATE),
origins AS (
    UPDATE origin SET event_count = event_count - counted.events
      FROM held JOIN counted ON counted.origin_id = held.id WHERE origin.id = held.id RETURNING origin.root_id),
keys AS (
    DELETE FROM event_key USING gone
     WHERE key = substring(sha256(convert_to(gone.source_id || E'\\x1f' || gone.message_id, 'UTF8')) FOR 16)),
people AS (
    INSERT INTO touched (lane, profile_id, keys, cause)
    SELECT DISTINCT (root_id %% 1024)::smallint, root_id, '{{*}}'::text[], 'sweep' FROM origins)
SELECT coalesce(sum(events), 0) FROM counted
"""
_NEXT_ORIGINS = """
SELECT max(origin_id) FROM (
    SELECT DISTINCT origin_id FROM {table} WHERE origin_id > %s ORDER BY origin_id LIMIT %s) AS next
"""


def advance(*, now: datetime) -> bool:
    """Do the next step that is due; return whether there was one. Of several callers at once one works."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('cdp retention'))")
        (alone,) = cursor.fetchone()
        return bool(alone) and (_advance_month(cursor, now=now) or _let_go_of_a_day(cursor, now=now))


def oldest_kept(*, now: datetime) -> date | None:
    """The first month whose events are kept; None when all are."""
    months = settings.CDP_EVENT_RETENTION_MONTHS
    if not months:
        return None
    count = now.astimezone(UTC).year * 12 + now.astimezone(UTC).month - 1 - months
    return date(count // 12, count % 12 + 1, 1)


def screen(arrivals: Sequence[Arrival]) -> Findings:
    """Refuse events of months that are no longer kept."""
    if not arrivals or not settings.CDP_EVENT_RETENTION_MONTHS:
        return Findings()
    kept = oldest_kept(now=max(arrival.event.received_at for arrival in arrivals))
    assert kept is not None
    first = datetime(kept.year, kept.month, 1, tzinfo=UTC)
    reason = f"Events from before {kept:%B %Y} are not kept here any more."
    old = [arrival for arrival in arrivals if arrival.event.ts < first]
    refused = Verdict(keep=False, code="too_old", reason=reason, gap=False, field="timestamp")
    return Findings(verdicts={arrival.position: refused for arrival in old})


def collect(now: datetime, /) -> Sequence[Gauge]:
    """What was let go of, and what is on its way out."""
    months = list(RetiredMonth.objects.values_list("events", "dropped_at"))
    events = sum(count for count, _ in months)
    leaving = sum(dropped is None for _, dropped in months)
    days = InboxDayTotal.objects.values("day").distinct().count()
    return (
        Gauge("cdp_retired_events", "Events that retention took out.", (Sample(events),)),
        Gauge("cdp_retired_months_leaving", "Months of events on their way out.", (Sample(leaving),)),
        Gauge("cdp_retired_inbox_days", "Finished days of the inbox that were let go of.", (Sample(days),)),
    )


def _advance_month(cursor: Any, *, now: datetime) -> bool:
    leaving = RetiredMonth.objects.filter(dropped_at=None).order_by("month").first()
    if leaving is not None:
        _take_out(cursor, leaving, now=now)
        return True
    kept = oldest_kept(now=now)
    if kept is None:
        return False
    cursor.execute(_DUE_MONTHS, [kept])
    row = cursor.fetchone()
    return row is not None and _at_once(cursor, "SELECT cdp_detach_event_month(%s)", row[0])


def _take_out(cursor: Any, leaving: RetiredMonth, *, now: datetime) -> None:
    table = f"retired_events_{leaving.month:%Y_%m}"
    cursor.execute(_NEXT_ORIGINS.format(table=table), [leaving.after_origin, ORIGINS_PER_STEP])
    (until,) = cursor.fetchone()
    if until is None:
        cursor.execute("SELECT cdp_drop_event_month(%s)", [leaving.month])
        leaving.dropped_at = now
    else:
        cursor.execute(_TAKE_OUT.format(table=table), {"after": leaving.after_origin, "until": until})
        leaving.events += int(cursor.fetchone()[0])
        leaving.after_origin = until
    leaving.save()


def _let_go_of_a_day(cursor: Any, *, now: datetime) -> bool:
    if not settings.CDP_INBOX_RETENTION_DAYS:
        return False
    cursor.execute(_DUE_DAYS, [(now - timedelta(days=settings.CDP_INBOX_RETENTION_DAYS)).astimezone(UTC).date()])
    return any(_at_once(cursor, "SELECT cdp_drop_inbox_day(%s)", day) for (day,) in cursor.fetchall())


def _at_once(cursor: Any, statement: str, day: date) -> bool:
    """Run what needs a table for itself; say no where it is not free at once, or has work left."""
    try:
        with transaction.atomic():
            cursor.execute(statement, [day])
            return bool(cursor.fetchone()[0])
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", "") != _LOCK_NOT_AVAILABLE:
            raise
        return False
