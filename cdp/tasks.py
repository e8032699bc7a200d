"""Background work of the platform itself."""

from celery import shared_task
from django.utils import timezone

from cdp import health


@shared_task(name="cdp.heartbeat")
def heartbeat() -> None:
    """Say that workers take work: the beat asks, and whichever worker is free answers."""
    health.beat(name="worker", now=timezone.now())
