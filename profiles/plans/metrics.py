"""What /metrics tells about plans."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Sum

from cdp.metrics import Gauge, Sample
from profiles.models import Violation


def collect(now: datetime, /) -> Iterator[Gauge]:
    """How many violations there were since midnight (UTC): a counter that begins again each day."""
    rows = (
        Violation.objects.filter(day=now.date())
        .values_list("source__key", "type", "consequence")
        .annotate(total=Sum("count"))
        .order_by("source__key", "type", "consequence")
    )
    samples = tuple(
        Sample(total, {"source": source, "type": kind, "consequence": became}) for source, kind, became, total in rows
    )
    yield Gauge("cdp_violations_today", "What did not follow its tracking plan, since midnight UTC.", samples)
