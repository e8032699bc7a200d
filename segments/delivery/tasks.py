"""The doorbell's work of delivery: loss or repetition of a ring costs a second at most, never a message."""

import time

from celery import shared_task
from celery.signals import worker_shutdown
from django.conf import settings
from django.utils import timezone

from cdp import health
from segments import doorbell
from segments.delivery import content
from segments.delivery.desk import Desk
from segments.delivery.posting import Poster

SHARE_SECONDS = 2.0
#: Results that come in while the process is asked to end are written down for so long; the rest goes out again.
_FAREWELL_SECONDS = 10.0
_desk: Desk | None = None


@shared_task(name="segments.deliver")
def deliver() -> None:
    """Tell destinations what changed, for a share of time; what is under way then is looked after by the next ring.

    Runs in a process of its own (`cdp.supervisor.programs.delivery`), in which one ring is answered after the other.
    """
    global _desk
    if _desk is None:
        _desk = Desk(Poster(seconds=settings.CDP_DELIVERY_TIMEOUT_SECONDS, allowed=content.allowed))
    health.beat(name="delivery", now=timezone.now())
    started = time.monotonic()
    while _desk.advance(now=timezone.now):
        if time.monotonic() - started > SHARE_SECONDS:
            doorbell.ring_delivery()
            return


@worker_shutdown.connect
def finish_deliveries(**told: object) -> None:
    """Write down what comes back in the moments before the process ends."""
    if _desk is not None:
        _desk.close(seconds=_FAREWELL_SECONDS, now=timezone.now)
