"""Which export is written next, and by whom: claimed with a lease, tried three times, then failed with its reason."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet

from cdp.models import Job
from cdp.models.job import JobState
from consent import exports

_LEASE = timedelta(minutes=5)
_ATTEMPTS = 3


def run_next(*, now: datetime, only: Job | None = None) -> bool:
    """Write the oldest export that is due, or `only` that one; say whether there was one."""
    job = _claim(now=now, only=only)
    if job is None:
        return False
    _run(job=job, now=now)
    return True


def _run(*, job: Job, now: datetime) -> None:
    """Write one export and say how it went. An attempt is counted before the work, so that a bad one ends."""
    try:
        manifest = exports.write(job=job, now=now, report=lambda done: _renew(job, done))
    except Exception as error:
        # The type alone: a message may hold what is being exported.
        _settle(job, now=now, error=type(error).__name__)
        raise
    _held(job).update(
        state=JobState.DONE, finished_at=now, result=manifest, total=manifest["counts"]["entries"], leased_until=None
    )


@transaction.atomic
def _claim(*, now: datetime, only: Job | None) -> Job | None:
    due = Q(state=JobState.QUEUED) | Q(state=JobState.RUNNING, leased_until__lt=now)
    open_jobs = Job.objects.select_for_update(skip_locked=True).filter(due, kind=exports.KIND)
    if only is not None:
        open_jobs = open_jobs.filter(pk=only.pk)
    for job in open_jobs.order_by("id")[:10]:
        if job.attempts >= _ATTEMPTS:
            _settle(job, now=now, error=job.error or "The worker was lost.")
            continue
        if not exports.is_settled(exports.Wanted.from_json(job.arguments["filter"]), now=now):
            continue
        job.state, job.attempts, job.leased_until = JobState.RUNNING, job.attempts + 1, now + _LEASE
        job.save(update_fields=["state", "attempts", "leased_until"])
        return job
    return None


def _held(job: Job) -> QuerySet[Job]:
    """The job as long as this attempt is the latest: whoever was overtaken has nothing more to say about it."""
    return Job.objects.filter(pk=job.pk, attempts=job.attempts, state__in=(JobState.QUEUED, JobState.RUNNING))


def _renew(job: Job, done: int) -> None:
    _held(job).update(done=done, leased_until=F("leased_until") + timedelta(seconds=10))


def _settle(job: Job, *, now: datetime, error: str) -> None:
    is_last = job.attempts >= _ATTEMPTS
    _held(job).update(
        state=JobState.FAILED if is_last else JobState.QUEUED,
        finished_at=now if is_last else None,
        leased_until=None,
        error=error,
    )
