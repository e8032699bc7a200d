"""The doorbell's work: look for what is due. Safe to lose, to repeat and to run several times at once."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery import shared_task
from django.utils import timezone

from profiles import days, lanes, retention
from profiles.exports import jobs as export_jobs
from profiles.identity import rollout
from profiles.imports import reports, uploads
from profiles.ingest import doorbell, leases, pipeline
from profiles.plans import violations
from profiles.turns import Turns

SHARE_SECONDS = 2.0
_turns = Turns()


@shared_task(name="profiles.drain")
def drain() -> None:
    """Store what waits in the inbox and evaluate whom it touched, until nothing waits or the share of time is used."""
    if work_off(until=time.monotonic() + SHARE_SECONDS):
        doorbell.ring()


@shared_task(name="profiles.sweep")
def sweep() -> None:
    """Find everything a lost doorbell, a dead worker or the passing of time has left."""
    days.prepare()
    leases.park_the_dead()
    lanes.release_parked()
    if work_off(until=time.monotonic() + SHARE_SECONDS, sweeping=True):
        doorbell.ring()


@shared_task(name="profiles.retention")
def let_go() -> None:
    """Let go of what is older than was promised, for a share of time; what is left comes with the next minute."""
    until = time.monotonic() + SHARE_SECONDS
    while retention.advance(now=timezone.now()) and time.monotonic() < until:
        pass


def work_off(*, until: float, sweeping: bool = False) -> bool:
    """Claim and evaluate in turns until the monotonic time `until`; return whether work may be left.

    With `sweeping`, the people whose time has come are looked for as well, until there are no more of them.
    """
    while True:
        if sweeping:
            sweeping = lanes.sweep_due() >= lanes.DUE_PER_SWEEP
        with _uncollected():
            claimed = pipeline.claim_once()
            taken = _turns.take(claimed=claimed)
        if not claimed and not taken and not sweeping:
            return False
        if time.monotonic() > until:
            return True


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leave cycles for later: work makes many objects and no cycles, and looking takes a fifth of its time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@shared_task(name="profiles.run_imports")
def run_imports() -> None:
    """Go on with the file that somebody uploaded first, for a share of time."""
    uploads.run_next(now=timezone.now())
    uploads.forget_files(now=timezone.now())
    reports.forget(now=timezone.now())


# A snapshot cannot be gone on with: an export takes as long as it takes, one at a time, and is called off by its job.
@shared_task(name="profiles.run_exports", soft_time_limit=6 * 3600, time_limit=6 * 3600 + 60)
def run_exports() -> None:
    """Write the export that somebody waits for, and delete those whose time is over."""
    export_jobs.run_next(now=timezone.now())
    export_jobs.forget_expired(now=timezone.now())


@shared_task(name="profiles.fold_violations")
def fold_violations() -> None:
    """Fold the counts that claims wrote, and drop those past keeping."""
    violations.fold(today=timezone.now().date())


@shared_task(name="profiles.roll_out_identity_rule")
def roll_out_identity_rule() -> None:
    """Bring everybody under the identity rule that went live last."""
    rollout.run_next(now=timezone.now())
