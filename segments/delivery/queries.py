"""What pages, figures and the doctor ask about destinations: bounded reads along indexes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import QuerySet, Sum

from segments.models import DeliveryAttempt, DeliveryCount, DeliveryLane, Destination

COUNTED_UP_TO = 10_000
_DAYS_SHOWN = 7


@dataclass(frozen=True, slots=True)
class Standing:
    """How one destination does now. Counts stop at COUNTED_UP_TO; `oldest` is how long the longest has been due."""

    destination: Destination
    waiting: int
    dead: int
    oldest: timedelta | None
    lane: DeliveryLane | None

    @property
    def is_on(self) -> bool:
        return self.destination.live_version_id is not None and self.lane is not None and self.lane.off_since is None


@dataclass(frozen=True, slots=True)
class Ended:
    """How many messages ended one way, for one reason."""

    outcome: str
    reason: str
    count: int


def standings(*, now: datetime) -> list[Standing]:
    """Return how every destination does that was ever live, by key."""
    lanes = DeliveryLane.objects.select_related("destination").order_by("destination__key")
    figures = _figures([lane.pk for lane in lanes], now=now)
    return [Standing(lane.destination, *figures[lane.pk], lane) for lane in lanes]


def standing(destination: Destination, *, now: datetime) -> Standing:
    lane = DeliveryLane.objects.filter(pk=destination.pk).first()
    return Standing(destination, *_figures([destination.pk], now=now)[destination.pk], lane)


def ended(destination: Destination, *, today: date) -> list[Ended]:
    """Return how its messages ended in the last days, the most frequent first."""
    since = today - timedelta(days=_DAYS_SHOWN - 1)
    found = (
        DeliveryCount.objects.filter(destination_id=destination.pk, day__gte=since)
        .values_list("outcome", "reason")
        .annotate(sum=Sum("count"))
        .order_by("-sum")
    )
    return [Ended(*row) for row in found[:50]]


def attempts(destination: Destination | None = None) -> QuerySet[DeliveryAttempt]:
    """Return attempts with their results, newest first."""
    rows = DeliveryAttempt.objects.select_related("result", "delivery__segment", "delivery__version", "destination")
    return (rows.filter(destination=destination) if destination else rows).order_by("-id")


def _figures(ids: Iterable[int], *, now: datetime) -> dict[int, tuple[int, int, timedelta | None]]:
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, {"ids": list(ids), "most": COUNTED_UP_TO, "now": now})
        return {number: (waiting, dead, oldest) for number, waiting, dead, oldest in cursor.fetchall()}


_FIGURES = """
SELECT d.id, waiting.count, dead.count, due.oldest
  FROM unnest(%(ids)s::bigint[]) AS d (id)
 CROSS JOIN LATERAL (SELECT count(*) FROM (SELECT FROM delivery WHERE destination_id = d.id
                        AND state IN ('pending', 'sending') LIMIT %(most)s) open) waiting
 CROSS JOIN LATERAL (SELECT count(*) FROM (SELECT FROM delivery WHERE destination_id = d.id
                        AND state = 'dead' LIMIT %(most)s) given_up) dead
 CROSS JOIN LATERAL (SELECT %(now)s::timestamptz - min(due_at) AS oldest FROM delivery
                      WHERE destination_id = d.id AND state = 'pending' AND due_at <= %(now)s) due
"""
