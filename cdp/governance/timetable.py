"""What is due by the schedules of approved contents: called about once a second, to the second exact.

Versions with a schedule are few; which of them is due is decided by the verbs, under the lock of their head.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from cdp.governance import approvals, lifecycle
from cdp.governance.errors import GovernanceError
from cdp.governance.governed import Governed
from cdp.governance.models import DecisionKind, State
from cdp.governance.schedule import ENDS_AT, STARTS_AT, schedule_of

log = logging.getLogger(__name__)


def run(*, governed: Governed, now: datetime) -> int:
    """Start and end what is due; return how many. What cannot start is told in the log and tried again."""
    done = 0
    for verb, version in _due(governed, now=now):
        try:
            verb(version=version, now=now)
            done += 1
        except GovernanceError as error:
            log.warning("a version that is due stays as it is", extra={"version": version.pk, "why": error.code})
    return done


def _due(governed: Governed, *, now: datetime) -> Iterator[tuple[Callable[..., None], Any]]:
    versions = governed.version._default_manager.select_related("head").order_by("pk")
    # Ends first: what ends at the moment another begins makes room for it.
    for version in versions.filter(state=State.LIVE, content__has_key=ENDS_AT):
        if schedule_of(version.content).has_ended(now):
            yield lifecycle.end, version
    starting = versions.filter(
        state=State.REVIEW, content__has_key=STARTS_AT, decisions__decision=DecisionKind.APPROVE
    ).distinct()
    for version in starting:
        if schedule_of(version.content).has_begun(now) and not approvals.missing(governed, version):
            yield lifecycle.start, version
