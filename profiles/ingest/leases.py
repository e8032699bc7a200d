"""Who works on which inbox rows, counted before the work begins.

An attempt is counted in its own commit, so that a row that kills its worker is counted as well. A row that was in two
failed claims is claimed alone from then on: of the rows that failed together, only the guilty one fails again. After
five attempts it is parked for a person to look at, and nothing waits for it.
"""

import secrets
import time
from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from msgspec import Struct

LEASE_SECONDS = 30
ALONE_AFTER = 2
MOST_ATTEMPTS = 5
_ROWS_LOOKED_AT = 200
# Another worker may have locked all rows for the moment in which it chooses some of them: that is not an empty inbox.
_TRIES = 20
_WHILE_ANOTHER_CHOOSES = 0.002

_FREE_NOW = "state = 0 AND attempts < %(most)s AND (leased_until IS NULL OR leased_until < clock_timestamp())"
_IS_FREE = f"SELECT EXISTS (SELECT FROM inbox WHERE {_FREE_NOW})"
# Which lease holds what need not survive PostgreSQL itself: a lease that a crash forgets is taken again, and the
# attempt it counts is lost only where PostgreSQL died, not where the payload killed its worker.
_TAKE = f"""
SET LOCAL synchronous_commit TO off;
WITH free AS MATERIALIZED (
    SELECT id, received_at, event_count, attempts >= %(alone)s AS suspect FROM inbox
     WHERE {_FREE_NOW}
     ORDER BY id LIMIT %(rows)s FOR UPDATE SKIP LOCKED),
oldest AS (SELECT id, suspect FROM free ORDER BY id LIMIT 1),
sound AS (
    SELECT free.id, free.received_at, sum(event_count) OVER (ORDER BY free.id) - event_count AS before
      FROM free WHERE NOT suspect),
chosen AS (
    SELECT id, received_at FROM sound WHERE before < %(events)s AND NOT (SELECT suspect FROM oldest)
     UNION ALL
    SELECT free.id, received_at FROM free JOIN oldest ON oldest.id = free.id WHERE oldest.suspect)
UPDATE inbox SET attempts = attempts + 1, lease = %(lease)s,
       leased_until = clock_timestamp() + %(seconds)s * interval '1 second'
  FROM chosen WHERE inbox.id = chosen.id AND inbox.received_at = chosen.received_at
RETURNING inbox.id, inbox.received_at, source_id, key_id, route, body, assurance, gpc, ip, event_count, attempts,
          request_id
"""
_FINISH = """
UPDATE inbox SET state = 1, done_at = clock_timestamp(), stored = done.stored, duplicates = done.duplicates,
       conflicts = done.conflicts, rejected = done.rejected, error = NULL
  FROM unnest(%s::bigint[], %s::timestamptz[], %s::int[], %s::int[], %s::int[], %s::int[])
       AS done (id, received_at, stored, duplicates, conflicts, rejected)
 WHERE inbox.id = done.id AND inbox.received_at = done.received_at AND inbox.received_at BETWEEN %s AND %s
   AND lease = %s AND state = 0
"""
_FREE = """
UPDATE inbox SET lease = NULL, leased_until = clock_timestamp() + %(pause)s * interval '1 second',
       attempts = {attempts}, state = CASE WHEN {attempts} >= %(most)s THEN 2 ELSE 0 END,
       error = coalesce(%(error)s, error)
 WHERE lease = %(lease)s AND state = 0
"""
_PARK = """
UPDATE inbox SET state = 2, lease = NULL, error = coalesce(error, 'The worker died with it, every time.')
 WHERE state = 0 AND attempts >= %s AND leased_until < clock_timestamp()
"""


class LeaseLost(Exception):
    """Somebody else took the rows over while we were at them; all we did has to be undone."""


class LeasedRow(Struct):
    """An inbox row that is ours until the lease runs out."""

    id: int
    received_at: datetime
    source_id: int
    key_id: int | None
    route: str
    body: bytes | memoryview
    assurance: str
    gpc: bool
    ip: str | None
    event_count: int
    attempts: int
    request_id: str = ""


class Outcome(Struct):
    """Where the events of one row went."""

    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0


def take(*, events: int) -> tuple[int, list[LeasedRow]]:
    """Lease the oldest free rows that hold about `events` events; return the lease and the rows, oldest first."""
    lease = secrets.randbits(62)
    facts = {
        "alone": ALONE_AFTER,
        "most": MOST_ATTEMPTS,
        "rows": _ROWS_LOOKED_AT,
        "events": events,
        "lease": lease,
        "seconds": LEASE_SECONDS,
    }
    with connection.cursor() as cursor:
        for _ in range(_TRIES):
            cursor.execute(_TAKE, facts)
            if rows := sorted((LeasedRow(*row) for row in cursor.fetchall()), key=lambda row: row.id):
                return lease, rows
            cursor.execute(_IS_FREE, facts)
            if not cursor.fetchone()[0]:
                break
            time.sleep(_WHILE_ANOTHER_CHOOSES)
    return lease, []


def finish(rows: Sequence[LeasedRow], outcomes: Sequence[Outcome], *, lease: int) -> None:
    """Mark the rows done in the transaction of their effects. Raises LeaseLost when they are no longer ours."""
    with connection.cursor() as cursor:
        cursor.execute(_FINISH, [
            [row.id for row in rows],
            [row.received_at for row in rows],
            [outcome.stored for outcome in outcomes],
            [outcome.duplicates for outcome in outcomes],
            [outcome.conflicts for outcome in outcomes],
            [outcome.rejected for outcome in outcomes],
            min(row.received_at for row in rows),
            max(row.received_at for row in rows),
            lease,
        ])  # fmt: skip
        if cursor.rowcount != len(rows):
            raise LeaseLost(f"{len(rows) - cursor.rowcount} of {len(rows)} rows were taken over.")


def suspect(*, lease: int, error: str) -> None:
    """Give failed rows back: each will be claimed alone, and parked once it has failed too often."""
    _free(lease, attempts=f"greatest(attempts, {ALONE_AFTER})", pause=0, error=error)


def give_back(*, lease: int) -> None:
    """Give rows back as if they had not been tried: the fault was not theirs."""
    _free(lease, attempts="attempts - 1", pause=0, error=None)


def park_the_dead() -> int:
    """Park rows whose last permitted attempt never came back."""
    with connection.cursor() as cursor:
        cursor.execute(_PARK, [MOST_ATTEMPTS])
        return int(cursor.rowcount)


def _free(lease: int, *, attempts: str, pause: int, error: str | None) -> None:
    facts = {"pause": pause, "most": MOST_ATTEMPTS, "error": error, "lease": lease}
    with connection.cursor() as cursor:
        cursor.execute(_FREE.format(attempts=attempts), facts)
