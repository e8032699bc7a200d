"""Due work of the segments: loss or repetition of a task costs a second at most."""

from celery import shared_task
from django.utils import timezone

from segments import backfill, publishing


@shared_task(name="segments.backfill")
def run_backfill() -> None:
    """Publish again what the catalogue changed, then walk everybody for every epoch that is not ready."""
    publishing.republish(now=timezone.now())
    while backfill.advance(now=timezone.now()):
        pass
