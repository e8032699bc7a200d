"""How much waits to be stored, and how long a sender shall wait when that is too much.

Measured at most once a second in each process, and never by counting a long queue: the oldest waiting requests are
summed, and those behind them lie close together, because work is taken from the oldest end.
"""

import math
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

MEASURED_EVERY = timedelta(seconds=1)
LONGEST_WAIT_SECONDS = 300  # what clients take at its word; they wait less than they are told beyond it
_SUMMED = 2_000
_SAMPLED = 200
#: Before anything was seen to be stored: what two cores store in a second, at the least.
_UNSEEN_PER_SECOND = 2_000.0
_WEIGHT_OF_THE_NEWEST = 0.3

_MEASURE = """
WITH head AS MATERIALIZED (SELECT id, event_count FROM inbox WHERE state = 0 ORDER BY id LIMIT %(summed)s),
summed AS MATERIALIZED (
    SELECT count(*) AS requests, coalesce(sum(event_count), 0) AS events, max(id) AS last FROM head),
tail AS (SELECT id, event_count FROM inbox
          WHERE state = 0 AND (SELECT requests FROM summed) = %(summed)s ORDER BY id DESC LIMIT %(sampled)s)
SELECT requests, events, last, (SELECT max(id) FROM tail), (SELECT avg(event_count) FROM tail) FROM summed
"""


@dataclass(frozen=True, slots=True)
class Level:
    """Events that wait, and how many of them are stored in a second as far as that was seen."""

    at: datetime
    pending: int
    per_second: float | None
    newest: int  # id of the newest waiting request
    events_per_request: float

    @property
    def too_high(self) -> bool:
        return 0 < settings.CDP_MOST_PENDING_EVENTS < self.pending

    @property
    def wait_seconds(self) -> int:
        return wait_seconds(pending=self.pending, per_second=self.per_second)


def wait_seconds(*, pending: int, per_second: float | None) -> int:
    """Return when to come back: the more waits, and the slower it is stored, the later."""
    rate = _UNSEEN_PER_SECOND if per_second is None else per_second
    if rate * LONGEST_WAIT_SECONDS <= pending:
        return LONGEST_WAIT_SECONDS
    return max(1, math.ceil(pending / rate))


_one_at_a_time = threading.Lock()
_known: list[Level] = []


def level(*, now: datetime) -> Level:
    """Return how high the backlog stood within the last second."""
    with _one_at_a_time:
        before = _known[0] if _known else None
        if before is None or not timedelta(0) <= now - before.at < MEASURED_EVERY:
            _known[:] = [_measure(before, now)]
        return _known[0]


def forget() -> None:
    """Measure anew at the next call."""
    _known.clear()


def _measure(before: Level | None, now: datetime) -> Level:
    with connection.cursor() as cursor:
        cursor.execute(_MEASURE, {"summed": _SUMMED, "sampled": _SAMPLED})
        requests, events, last, newest, average = cursor.fetchone()
    pending = int(events)
    if newest is not None and newest > last:
        pending += round((newest - last) * float(average))
    per_request = float(average or (events / requests if requests else 0))
    found = Level(now, pending, None, newest or last or 0, per_request)
    return Level(now, pending, _drain(before, found), found.newest, per_request)


def _drain(before: Level | None, found: Level) -> float | None:
    """Return how many events a second were stored lately: what waited, and what came, less what waits now."""
    if before is None or not before.pending:
        return None if before is None else before.per_second
    seconds = (found.at - before.at).total_seconds()
    if seconds <= 0:
        return before.per_second
    came = max(0, found.newest - before.newest) * found.events_per_request
    stored = max(0.0, before.pending + came - found.pending) / seconds
    if before.per_second is None:
        return stored or None
    return before.per_second + _WEIGHT_OF_THE_NEWEST * (stored - before.per_second)
