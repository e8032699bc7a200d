"""How far an answer about a segment can be taken for complete: `ready`, `backfilling` or `stale`.

While a new version is backfilled, whoever has been judged by it stands by it, and everybody else as the version before
left them: nobody's old membership goes before the new answer is there. Where the backfill was called off, or the rule
cannot be run any more, those who were not reached stay that way, and the answer says so.
"""

import time
from enum import StrEnum

from django.db import connections

from segments.models import EpochStatus, RuleEpoch


class Freshness(StrEnum):
    READY = "ready"
    BACKFILLING = "backfilling"
    STALE = "stale"


#: As serializers spell them; settings.SPECTACULAR_SETTINGS names the schema by them.
STATES = tuple(state.value for state in Freshness)

_OF_STATUS = {
    EpochStatus.READY: Freshness.READY,
    EpochStatus.BACKFILLING: Freshness.BACKFILLING,
    EpochStatus.BROKEN: Freshness.STALE,
    EpochStatus.CANCELLED: Freshness.STALE,
}


def of_status(status: str) -> Freshness:
    return _OF_STATUS[EpochStatus(status)]


_MAX_AGE_SECONDS = 1.0
_UNSETTLED = """
SELECT segment.key, latest.status
  FROM segment CROSS JOIN LATERAL (
       SELECT status FROM rule_epoch WHERE segment_id = segment.id ORDER BY epoch DESC LIMIT 1) AS latest
 WHERE segment.live_version_id IS NOT NULL AND latest.status <> 'ready' ORDER BY 1
"""


def unsettled() -> dict[str, str]:
    """Return the live segments that are not ready, by key, at most a second old: every read of a person tells them."""
    global _kept
    at = time.monotonic()  # not `now`: it is the age of a copy
    if _kept is None or at - _kept[0] > _MAX_AGE_SECONDS:
        with connections["reads"].cursor() as cursor:
            cursor.execute(_UNSETTLED)
            _kept = (at, {key: of_status(status).value for key, status in cursor.fetchall()})
    return _kept[1]


def forget() -> None:
    """Drop this process's copy; others notice within a second."""
    global _kept
    _kept = None


_kept: tuple[float, dict[str, str]] | None = None


def of_segment(segment_id: int) -> Freshness:
    """Return how fresh a segment is by its latest epoch; one that never had any has nothing to wait for."""
    latest = RuleEpoch.objects.filter(segment_id=segment_id).order_by("-epoch").values_list("status", flat=True)[:1]
    return next(map(of_status, latest), Freshness.READY)
