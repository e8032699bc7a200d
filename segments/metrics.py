"""What /metrics tells about live segments."""

from collections.abc import Iterator
from datetime import datetime

from cdp.metrics import Gauge, Sample
from segments import queries
from segments.models import RuleCost, Segment
from segments.queries import Status


def collect(now: datetime, /) -> Iterator[Gauge]:
    """The size of every live segment, and whether its rule has been held against everybody."""
    found = queries.summaries(Segment.objects.filter(live_version__isnull=False).select_related("live_version"))
    sizes = tuple(Sample(each.size, {"segment": each.key}) for each in found)
    ready = tuple(Sample(each.status == Status.READY, {"segment": each.key}) for each in found)
    yield Gauge("cdp_segment_members", "People who are in the segment now.", sizes)
    yield Gauge("cdp_segment_ready", "1 once everybody was judged by the live version, else 0.", ready)
    costs = RuleCost.objects.select_related("segment")
    yield Gauge(
        "cdp_rule_seconds_per_1000_people",
        "What judging 1,000 people by this live rule alone took when it was last measured.",
        tuple(Sample(cost.seconds_per_1000_people, {"segment": cost.segment.key}) for cost in costs),
    )
