"""Where every accepted event went: accepted = stored + duplicate + rejected + pending, by query and at any moment."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from profiles.models.inbox import InboxState

# One statement, hence one snapshot: a claim that commits meanwhile is seen wholly or not at all. Accepted are the
# events of committed inbox rows; a request refused as a whole lies outside. A parked row is pending until somebody
# takes it up again. A day of the inbox that was let go of stands as its sums and counts as a whole.
_TOTALS = """
WITH counted AS (
    SELECT source_id, event_count, stored, duplicates, rejected, state FROM inbox
     WHERE %(since)s::timestamptz IS NULL OR received_at >= %(since)s
     UNION ALL
    SELECT source_id, accepted, stored, duplicates, rejected, %(done)s FROM inbox_day_total
     WHERE %(since)s::timestamptz IS NULL OR day >= (%(since)s::timestamptz AT TIME ZONE 'UTC')::date)
SELECT coalesce(sum(event_count), 0), coalesce(sum(stored), 0), coalesce(sum(duplicates), 0),
       coalesce(sum(rejected), 0), coalesce(sum(event_count) FILTER (WHERE state <> %(done)s), 0),
       coalesce(sum(event_count) FILTER (WHERE state = %(parked)s), 0)
FROM counted
WHERE %(source)s::text IS NULL OR source_id = (SELECT id FROM source WHERE key = %(source)s)
"""


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of events. `parked` is the part of `pending` that waits for a person."""

    accepted: int
    stored: int
    duplicate: int
    rejected: int
    pending: int
    parked: int

    @property
    def balanced(self) -> bool:
        return self.accepted == self.stored + self.duplicate + self.rejected + self.pending


def totals(*, since: datetime | None = None, source: str | None = None) -> Totals:
    """Count the events received from `since` on, of one source or of all."""
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS, {
            "since": since,
            "source": source,
            "done": InboxState.DONE.value,
            "parked": InboxState.PARKED.value,
        })  # fmt: skip
        return Totals(*(int(count) for count in cursor.fetchone()))
