"""Jobs that one worker at a time holds by a lease: taken, kept alive while they go on, settled, called off.

An attempt is counted before the work, so that a job that kills its worker ends. Whoever was overtaken, or works on a
job that was called off, learns it at the next sign of life and has nothing more to say about it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from cdp.models import Job
from cdp.models.job import JobState

LEASE = timedelta(minutes=5)
ATTEMPTS = 3
OPEN = (JobState.QUEUED, JobState.RUNNING)
_LOOKED_AT = 10


class NotHeld(Exception):
    """The job was called off, or somebody else has taken it over."""


def anything(job: Job) -> bool:
    """Say that a job may be taken, whatever it says."""
    return True


@transaction.atomic
def claim(*, kind: str, now: datetime, may: Callable[[Job], bool] = anything, only: Job | None = None) -> Job | None:
    """Take the oldest job of a kind that is due, or `only` that one; `may` says whether one can be begun now."""
    due = Q(state=JobState.QUEUED) | Q(state=JobState.RUNNING, leased_until__lt=Now())
    found = Job.objects.select_for_update(skip_locked=True, of=("self",)).filter(due, kind=kind)
    if only is not None:
        found = found.filter(pk=only.pk)
    for job in found.order_by("id")[:_LOOKED_AT]:
        if job.attempts >= ATTEMPTS:
            end(job=job, state=JobState.FAILED, now=now, error=job.error or "The worker was lost.")
            continue
        if not may(job):
            continue
        Job.objects.filter(pk=job.pk).update(
            state=JobState.RUNNING, attempts=F("attempts") + 1, leased_until=Now() + LEASE
        )
        job.refresh_from_db()
        return job
    return None


def keep(*, job: Job, done: int, **facts: Any) -> None:
    """Give a sign of life with how far it came. Raises NotHeld."""
    if not held(job).update(done=done, leased_until=Now() + LEASE, **facts):
        raise NotHeld


def release(*, job: Job) -> None:
    """Give a job back that went well so far and is to be gone on with; what was done counts as no attempt."""
    held(job).update(state=JobState.QUEUED, attempts=0, leased_until=None)


def end(*, job: Job, state: JobState, now: datetime, error: str = "", **facts: Any) -> None:
    """Settle a job for good. Raises NotHeld."""
    if not held(job).update(state=state, finished_at=now, leased_until=None, error=error, **facts):
        raise NotHeld


def give_up(*, job: Job, now: datetime, error: str) -> None:
    """Note a failed attempt: the job waits for the next one, or has failed when that was the last."""
    last = job.attempts >= ATTEMPTS
    held(job).update(
        state=JobState.FAILED if last else JobState.QUEUED,
        finished_at=now if last else None,
        leased_until=None,
        error=error,
    )


def cancel(*, job: Job, now: datetime) -> bool:
    """Call a job off; say whether it was still open."""
    opened = Job.objects.filter(pk=job.pk, state__in=OPEN)
    return bool(opened.update(state=JobState.CANCELLED, finished_at=now, leased_until=None))


def held(job: Job) -> QuerySet[Job]:
    """The job as long as this attempt is the latest and nobody has called it off."""
    return Job.objects.filter(pk=job.pk, attempts=job.attempts, state__in=OPEN)
