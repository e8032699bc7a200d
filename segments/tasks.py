"""Due work of the segments: loss or repetition of a task costs a second at most."""

import time

from celery import shared_task
from django.utils import timezone

from cdp.governance import timetable
from segments import backfill, costs, doorbell, history, publishing, shadows
from segments.delivery.tasks import deliver as deliver
from segments.thresholds import moving, refreshing

#: A backfill of millions takes minutes: between shares the worker looks at what events left.
SHARE_SECONDS = 2.0


@shared_task(name="segments.backfill")
def run_backfill() -> None:
    """Publish again what the catalogue changed, then walk on for the epochs that are not ready."""
    started = time.monotonic()
    publishing.republish(now=timezone.now())
    moving.advance(now=timezone.now())
    while backfill.advance(now=timezone.now()):
        if time.monotonic() - started > SHARE_SECONDS:
            doorbell.ring()
            return


@shared_task(name="segments.close_days")
def close_days() -> None:
    """Count the days that are over."""
    history.close_days(now=timezone.now())


@shared_task(name="segments.measure_costs")
def measure_costs() -> None:
    """Keep the figure of what each live rule costs."""
    costs.measure(now=timezone.now(), seconds=SHARE_SECONDS)


@shared_task(name="segments.run_schedules")
def run_schedules() -> None:
    """Let approved versions go live, and away, at the moments that their contents name."""
    timetable.run(governed=publishing.SEGMENTS, now=timezone.now())


@shared_task(name="segments.compare_shadows")
def compare_shadows() -> None:
    """Count the trials over the memberships they run beside."""
    shadows.compare_due(now=timezone.now())


@shared_task(name="segments.refresh_thresholds")
def refresh_thresholds() -> None:
    """Take a snapshot of the population for every threshold that is due."""
    refreshing.refresh(now=timezone.now())
