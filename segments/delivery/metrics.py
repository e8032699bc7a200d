"""What /metrics tells about deliveries."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Sum

from cdp.metrics import Gauge, Sample
from segments.delivery import queries
from segments.models import DeliveryCount, Destination


def collect(now: datetime, /) -> Iterator[Gauge]:
    """How every destination does, and how its messages ended."""
    found = queries.standings(now=now)
    told = [({"destination": each.destination.key}, each) for each in found]
    yield Gauge(
        "cdp_delivery_waiting",
        f"Messages that wait or are under way, counted up to {queries.COUNTED_UP_TO}.",
        tuple(Sample(each.waiting, labels) for labels, each in told),
    )
    yield Gauge(
        "cdp_delivery_dead",
        f"Messages given up that can be sent again, counted up to {queries.COUNTED_UP_TO}.",
        tuple(Sample(each.dead, labels) for labels, each in told),
    )
    yield Gauge(
        "cdp_delivery_oldest_due_seconds",
        "How long the message has been due that waits longest.",
        tuple(Sample(each.oldest.total_seconds() if each.oldest else 0, labels) for labels, each in told),
    )
    yield Gauge(
        "cdp_destination_on",
        "1 while a live destination is switched on, else 0.",
        tuple(Sample(each.is_on, labels) for labels, each in told if each.destination.live_version_id is not None),
    )
    keys = dict(Destination.objects.values_list("pk", "key"))
    ended = DeliveryCount.objects.values_list("destination_id", "outcome", "reason").annotate(sum=Sum("count"))
    yield Gauge(
        "cdp_deliveries_ended",
        "Messages that ended, by how and why, since the first.",
        tuple(
            Sample(count, {"destination": keys.get(number, str(number)), "outcome": outcome, "reason": reason})
            for number, outcome, reason, count in ended.order_by("destination_id", "outcome", "reason")
        ),
    )
