"""The dashboard's panel about plans."""

from datetime import datetime, timedelta

from django.db.models import Max, Sum
from django.http import HttpRequest
from django.urls import reverse

from cdp.dashboard import Panel, Width
from cdp.role_admin import may_see
from profiles.models import Violation, ViolationCount

_SHOWN = 8


def violated(request: HttpRequest, now: datetime, /) -> Panel | None:
    """What did not follow its plan today and yesterday, most often first."""
    if not may_see(request, ViolationCount):
        return None
    rows = (
        Violation.objects.filter(day__gte=now.date() - timedelta(days=1))
        .values("source_id", "source__name", "event", "field", "type", "consequence")
        .annotate(events=Sum("count"), latest=Max("last_at"))
        .order_by("-events", "event", "field")[:_SHOWN]
    )
    found = list(rows)
    address = reverse("admin:profiles_violationcount_changelist")
    return Panel(
        key="violations",
        title="Off the plan, since yesterday",
        template="profiles/dashboard/violations.html",
        content={"rows": found, "most": found[0]["events"] if found else 0, "address": address},
        width=Width.HALF,
        link=address,
    )
