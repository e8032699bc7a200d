"""The doorbell's work: look for what is due. Safe to lose, to repeat and to run several times at once."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery import shared_task

from profiles import days, lanes
from profiles.ingest import doorbell, leases, pipeline

SHARE_SECONDS = 2.0
#: How long events may be stored one claim after the other before the people they touched are looked at.
LANES_WAIT_SECONDS = 1.0


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


def work_off(*, until: float, sweeping: bool = False) -> bool:
    """Claim and evaluate in turns until the monotonic time `until`; return whether work may be left.

    Under load claims come first: a person touched by ten claims is then evaluated once. With `sweeping`, the people
    whose time has come are looked for as well, until there are no more of them.
    """
    evaluated_at = time.monotonic()
    while True:
        if sweeping:
            sweeping = lanes.sweep_due() >= lanes.DUE_PER_SWEEP
        with _uncollected():
            claimed = pipeline.claim_once()
        if not claimed or time.monotonic() - evaluated_at > LANES_WAIT_SECONDS:
            taken = lanes.run_once()
            evaluated_at = time.monotonic()
            if not claimed and not taken and not sweeping:
                return False
        if time.monotonic() > until:
            return True


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leave cycles for later: a claim makes many objects and no cycles, and looking takes a fifth of its time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
