"""The dashboard's panels about people and what comes in. Sums over requests, never a count over events."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse

from cdp.dashboard import Panel, Width
from cdp.estimates import size_of
from cdp.role_admin import may_see
from profiles.ingest.accounting import totals
from profiles.models import InboxRow, Profile, RejectedEvent

_MINUTES = 60
_DAY = timedelta(days=1)
_REMEMBERED_SECONDS = 5  # several people watching must not each pay for the sums
_REJECTIONS_READ = 10_000  # each is a row to fetch: 30,000 take longer than the rest of the page


@dataclass(frozen=True, slots=True)
class Minute:
    """What was accepted in one minute, and how much of it has been rejected since."""

    at: datetime
    accepted: int
    rejected: int

    @property
    def kept(self) -> int:
        return self.accepted - self.rejected


def people(request: HttpRequest, now: datetime, /) -> Panel | None:
    """How many people there are, and how many were seen today."""
    if not may_see(request, Profile):
        return None
    everybody = Profile.objects.filter(merged_into__isnull=True)
    recent = everybody.annotate(seen=Coalesce("last_seen_at", "created_at")).filter(seen__gte=now - _DAY)
    return Panel(
        key="people",
        title="People",
        template="cdp/dashboard/tile.html",
        content={"figure": size_of(everybody), "note": f"{size_of(recent)} seen in the last 24 hours"},
        width=Width.TILE,
        link=reverse("admin:profiles_profile_changelist"),
    )


def last_hour(request: HttpRequest, now: datetime, /) -> Panel | None:
    """How many events came in during the last hour."""
    if not may_see(request, InboxRow):
        return None
    minutes = accepted_by_minute(now=now)
    total = sum(minute.accepted for minute in minutes)
    return Panel(
        key="last-hour",
        title="Events in the last hour",
        template="cdp/dashboard/tile.html",
        content={"figure": f"{total:,}", "note": f"{minutes[-2].accepted:,} in the last full minute"},
        width=Width.TILE,
        link=reverse("admin:profiles_inboxrow_changelist"),
    )


def traffic(request: HttpRequest, now: datetime, /) -> Panel | None:
    """Events per minute over the last hour."""
    if not may_see(request, InboxRow):
        return None
    minutes = accepted_by_minute(now=now)
    peak = max(minutes, key=lambda minute: minute.accepted)
    return Panel(
        key="traffic",
        title="Events per minute",
        template="profiles/dashboard/traffic.html",
        content={"minutes": minutes, "peak": peak, "total": sum(minute.accepted for minute in minutes)},
        width=Width.TWO_THIRDS,
    )


def accounting(request: HttpRequest, now: datetime, /) -> Panel | None:
    """Where the last day's events went."""
    if not may_see(request, InboxRow):
        return None
    sums = cache.get_or_set("dashboard:accounting", lambda: totals(since=now - _DAY), _REMEMBERED_SECONDS)
    return Panel(
        key="accounting",
        title="Last 24 hours, accounted for",
        template="profiles/dashboard/accounting.html",
        content={"sums": sums, "address": reverse("admin:profiles_inboxrow_changelist")},
        width=Width.THIRD,
    )


def rejections(request: HttpRequest, now: datetime, /) -> Panel | None:
    """Why events were rejected during the last day, most frequent reason first."""
    if not may_see(request, RejectedEvent):
        return None
    rows = cache.get_or_set(
        "dashboard:rejections", lambda: rejections_by_code(since=now - _DAY), _REMEMBERED_SECONDS
    ) or []  # fmt: skip
    return Panel(
        key="rejections",
        title="Rejected in the last 24 hours",
        template="profiles/dashboard/rejections.html",
        content={
            "rows": rows,
            "most": rows[0]["events"] if rows else 0,
            "address": _rejected_address(),
            "only_latest": _REJECTIONS_READ if rows and rows[0]["read"] >= _REJECTIONS_READ else None,
        },
        width=Width.HALF,
        link=_rejected_address(),
    )


def _rejected_address() -> str:
    return reverse("admin:profiles_rejectedevent_changelist")


_BY_MINUTE = """
WITH sums AS (
    SELECT date_trunc('minute', received_at) AS minute, sum(event_count) AS accepted, sum(rejected) AS rejected
      FROM inbox WHERE received_at >= %(from)s AND received_at < %(to)s GROUP BY 1
)
SELECT minute, coalesce(accepted, 0), coalesce(rejected, 0)
  FROM generate_series(%(from)s::timestamptz, %(to)s::timestamptz - interval '1 minute', interval '1 minute') minute
  LEFT JOIN sums USING (minute) ORDER BY minute
"""


def accepted_by_minute(*, now: datetime) -> list[Minute]:
    """Sum the accepted events of each of the last 60 minutes, the running one last."""

    def read() -> list[Minute]:
        end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        with connection.cursor() as cursor:
            cursor.execute(_BY_MINUTE, {"from": end - timedelta(minutes=_MINUTES), "to": end})
            return [Minute(at, int(accepted), int(rejected)) for at, accepted, rejected in cursor.fetchall()]

    return cache.get_or_set("dashboard:minutes", read, _REMEMBERED_SECONDS) or []


_BY_CODE = """
SELECT code, count(*) AS events, max(received_at) AS latest, sum(count(*)) OVER () AS read
  FROM (SELECT code, received_at FROM rejected_event WHERE received_at >= %s AND replayed_at IS NULL
         ORDER BY received_at DESC LIMIT %s) recent
 GROUP BY code ORDER BY events DESC, code LIMIT 8
"""


def rejections_by_code(*, since: datetime) -> list[Mapping[str, Any]]:
    """Count the rejected events since a moment by their code; past 10,000 only the latest of them."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_CODE, [since, _REJECTIONS_READ])
        names = ("code", "events", "latest", "read")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
