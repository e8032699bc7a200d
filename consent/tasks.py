"""Doors for background work: each looks for what is due, and may be lost, repeated or run twice at once."""

from celery import shared_task
from django.utils import timezone

from consent import export_jobs


@shared_task(name="consent.run_exports")
def run_exports() -> None:
    """Write the exports that somebody waits for."""
    while export_jobs.run_next(now=timezone.now()):
        pass
