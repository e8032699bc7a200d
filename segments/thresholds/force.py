"""Which snapshot each threshold goes by: the latest that was let in."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from cdp.copying import array
from segments.rules.thresholds import Statistic, Taken, Threshold, threshold_of

# A probe of the index for each version: most have no threshold at all.
_IN_FORCE = """
SELECT DISTINCT ON (d.version_id, d.path) d.version_id, d.path, s.statistic, s.amount, o.key, s.value, s.people,
       s.taken_at, s.id
  FROM threshold_decision d
  JOIN threshold_snapshot s ON s.id = d.snapshot_id
  LEFT JOIN segment o ON o.id = s.over_id
 WHERE d.version_id = ANY(%s::bigint[]) AND d.outcome IN ('first', 'refreshed', 'accepted')
 ORDER BY d.version_id, d.path, d.id DESC
"""


def in_force(version_ids: Iterable[int]) -> Mapping[int, Mapping[str, Taken]]:
    """The snapshots that these versions go by, by version and path."""
    found: dict[int, dict[str, Taken]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_IN_FORCE, [array(version_ids)])
        for version_id, path, statistic, amount, over, value, people, taken_at, snapshot in cursor.fetchall():
            threshold = Threshold(Statistic(statistic), amount.normalize(), over)
            taken = Taken(threshold, None if value is None else value.normalize(), people, taken_at, snapshot)
            found.setdefault(version_id, {})[path] = taken
    return found


def as_json(taken: Taken) -> dict[str, Any]:
    """A taken threshold as an epoch keeps it; which threshold it is stands in the rule, at the same path."""
    return {
        "snapshot": taken.snapshot,
        "value": None if taken.value is None else f"{taken.value:f}",
        "people": taken.people,
        "taken_at": taken.taken_at.isoformat() if taken.taken_at else None,
    }


def from_json(written: object, told: Mapping[str, Any]) -> Taken:
    """The reverse of `as_json`, for the threshold that the rule says there."""
    threshold = threshold_of(written)
    assert threshold is not None
    value, taken_at = told["value"], told["taken_at"]
    return Taken(
        threshold,
        None if value is None else Decimal(value).normalize(),
        told["people"],
        datetime.fromisoformat(taken_at) if taken_at else None,
        told["snapshot"],
    )
