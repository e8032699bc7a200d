"""The doorbell's work: look for what is due. Safe to lose, to repeat and to run several times at once."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery import shared_task

from profiles import days, lanes
from profiles.ingest import doorbell, leases, pipeline
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
