"""Background work of the platform itself."""

from celery import shared_task
from django.utils import timezone

from cdp.models import Heartbeat


@shared_task(name="cdp.heartbeat")
def heartbeat() -> None:
    """Say that workers take work: the beat asks, and whichever worker is free answers."""
    Heartbeat.objects.update_or_create(name="worker", defaults={"at": timezone.now()})
