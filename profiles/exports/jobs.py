"""Which export is written next, one at a time; and which is deleted because its time is over."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from cdp import leased_jobs
from cdp.access import Actor
from cdp.leased_jobs import NotHeld
from cdp.models import Job
from cdp.models.job import JobState
from profiles.exports import asking, writing
from profiles.models.file_job import EXPORT_KIND

_SYSTEM = Actor.system("exports")


def run_next(*, now: datetime, only: Job | None = None) -> bool:
    """Write the oldest export that is due, or `only` that one; say whether there was one."""
    job = _claim(now=now, only=only)
    if job is None:
        return False
    try:
        manifest = writing.write(job=job, now=now, report=lambda done: leased_jobs.keep(job=job, done=done))
        _finish(job, manifest, now=now)
    except NotHeld:
        if not Job.objects.filter(pk=job.pk, state=JobState.RUNNING).exists():
            writing.path_of(job).unlink(missing_ok=True)
    except Exception as error:
        # The type alone: a message may hold what is being exported.
        leased_jobs.give_up(job=job, now=now, error=type(error).__name__)
        raise
    return True


@transaction.atomic
def _claim(*, now: datetime, only: Job | None) -> Job | None:
    """One export at a time, so that the others of a worker's processes are left for the events that come in."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('cdp data exports'))")
    running = Job.objects.filter(kind=EXPORT_KIND, state=JobState.RUNNING, leased_until__gte=Now())
    return None if running.exists() else leased_jobs.claim(kind=EXPORT_KIND, now=now, only=only)


@transaction.atomic
def _finish(job: Job, manifest: dict, *, now: datetime) -> None:
    """An export is there from the moment on at which it is on record how many people are in it."""
    rows = sum(file["rows"] for file in manifest["files"])
    leased_jobs.end(job=job, state=JobState.DONE, now=now, done=rows, total=rows, result=manifest)
    asking.record(job=job, action="data.export.written", by=_SYSTEM, now=now, people=manifest["people"], rows=rows)


def is_ready(job: Job, *, now: datetime) -> bool:
    until = kept_until(job)
    return until is not None and now <= until and writing.path_of(job).exists()


def kept_until(job: Job) -> datetime | None:
    """Return when an export is deleted from disk; None while it is not written."""
    if job.state != JobState.DONE or job.finished_at is None:
        return None
    return job.finished_at + timedelta(days=settings.CDP_EXPORT_DAYS)


def forget_expired(*, now: datetime) -> int:
    """Delete the exports whose time is over, with a record of each; say how many."""
    gone = 0
    before = now - timedelta(days=settings.CDP_EXPORT_DAYS)
    for job in Job.objects.filter(kind=EXPORT_KIND, state=JobState.DONE, finished_at__lt=before).defer("result"):
        path = writing.path_of(job)
        if path.exists():
            with transaction.atomic():
                asking.record(job=job, action="data.export.delete", by=_SYSTEM, now=now)
                path.unlink()
            gone += 1
    return gone
