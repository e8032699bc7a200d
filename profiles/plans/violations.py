"""How often events did not follow their plan, and in which way.

A claim inserts its own counts in its own transaction, so they are exact and no worker waits for another; the sweep
folds rows of the same thing into one, and drops days past keeping. Whatever is folded or not yet, a sum is the count.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from profiles.ingest.incoming import IncomingEvent
from profiles.models import Violation, ViolationCount
from profiles.plans.findings import Finding

MOST_MESSAGE_IDS = 5
#: One claim's distinct violations; names are the sender's, and there is no end to them.
MOST_PER_CLAIM = 500
OTHERS = "(others)"
_LONGEST_EVENT = 200
_FOLDED_AT_ONCE = 5_000

_SAME = "day, source_id, plan_version_id, kind, event, field, type, consequence"
_FOLD = f"""
WITH several AS (
    SELECT {_SAME} FROM violation GROUP BY {_SAME} HAVING count(*) > 1 LIMIT %(groups)s),
gone AS (
    DELETE FROM violation USING several
     WHERE violation.day = several.day AND violation.source_id = several.source_id
       AND violation.event = several.event AND violation.plan_version_id = several.plan_version_id
       AND violation.kind = several.kind AND violation.field = several.field AND violation.type = several.type
       AND violation.consequence = several.consequence
    RETURNING violation.*)
INSERT INTO violation (id, {_SAME}, description, count, first_at, last_at, message_ids, app_version)
SELECT min(id), {_SAME}, (array_agg(description ORDER BY last_at DESC))[1], sum(count), min(first_at), max(last_at),
       (string_to_array(string_agg(array_to_string(message_ids, E'\\x1f'), E'\\x1f' ORDER BY last_at DESC),
                        E'\\x1f'))[1:%(ids)s],
       (array_agg(app_version ORDER BY last_at DESC))[1]
  FROM gone GROUP BY {_SAME}
"""


class Tally:
    """What one claim found, counted."""

    def __init__(self) -> None:
        self._rows: dict[tuple[object, ...], Violation] = {}

    def __bool__(self) -> bool:
        return bool(self._rows)

    def add(self, event: IncomingEvent, findings: Iterable[Finding], *, source_id: int, plan_version_id: int) -> None:
        """Count what was found about one event."""
        received = event.received_at
        for found in findings:
            name, field = event.name[:_LONGEST_EVENT], found.field
            key: tuple[object, ...] = (
                received.date(), source_id, plan_version_id, event.kind, name, field, found.type, found.consequence
            )  # fmt: skip
            if key not in self._rows and len(self._rows) >= MOST_PER_CLAIM:
                name, field = OTHERS, ""
                key = (*key[:4], name, field, found.type, found.consequence)
            row = self._rows.get(key)
            if row is None:
                row = self._rows[key] = Violation(
                    day=received.date(),
                    source_id=source_id,
                    plan_version_id=plan_version_id,
                    kind=event.kind.name,
                    event=name,
                    field=field,
                    type=found.type.value,
                    consequence=found.consequence.value,
                    description=found.description,
                    count=0,
                    first_at=received,
                    last_at=received,
                    message_ids=[],
                    app_version=_app_version(event.context),
                )
            row.count += 1
            row.first_at, row.last_at = min(row.first_at, received), max(row.last_at, received)
            row.message_ids = [event.message_id, *row.message_ids[: MOST_MESSAGE_IDS - 1]]

    def write(self) -> None:
        """Write the counts, in the transaction that stores or refuses the events."""
        Violation.objects.bulk_create(self._rows.values())


def _app_version(context: dict[str, Any]) -> str:
    app = context.get("app")
    version = app.get("version") if type(app) is dict else None
    return version[:50] if isinstance(version, str) else ""


@transaction.atomic
def fold(*, today: date) -> None:
    """Fold counts of the same thing into one row each, and drop the days past keeping."""
    with connection.cursor() as cursor:
        # Two who fold at once would each take half of the rows of one thing. The sums would hold; the point be lost.
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('cdp violations'))")
        if cursor.fetchone()[0]:
            cursor.execute(_FOLD, {"groups": _FOLDED_AT_ONCE, "ids": MOST_MESSAGE_IDS})
            Violation.objects.filter(day__lt=today - timedelta(days=settings.CDP_VIOLATION_DAYS)).delete()


def counted(
    *,
    source: str | None = None,
    event: str | None = None,
    type: str | None = None,
    since: date | None = None,
    until: date | None = None,
) -> QuerySet[ViolationCount]:
    """Return the counts per day, the latest day and the most frequent first; both dates are included."""
    wanted = {"source__key": source, "event": event, "type": type, "day__gte": since, "day__lte": until}
    return (
        ViolationCount.objects.filter(**{name: value for name, value in wanted.items() if value is not None})
        .select_related("source", "plan_version__head")
        .order_by("-day", "-count", "id")
    )


def as_event(counted: ViolationCount) -> dict[str, Any]:
    """Spell a count as the event that Segment calls Violation Generated; `violationCount` is ours."""
    source, version = counted.source, counted.plan_version
    return {
        "type": "track",
        "event": "Violation Generated",
        "userId": "schema-violations",
        "messageId": f"violation-{counted.day}-{counted.pk}",
        "timestamp": counted.last_at.isoformat(),
        "properties": {
            "appVersion": counted.app_version,
            "eventMessageID": counted.message_ids[0] if counted.message_ids else "",
            "eventName": counted.event,
            "eventSentAt": counted.last_at.isoformat(),
            "eventTimestamp": counted.last_at.isoformat(),
            "eventType": counted.kind.lower(),
            "sourceID": str(source.pk),
            "sourceName": source.name,
            "sourceSlug": source.key,
            "trackingPlanID": version.head.key,
            "trackingPlanName": version.head.name,
            "trackingPlanVersion": version.number,
            "violationCount": counted.count,
            "violationConsequence": counted.consequence,
            "violationDay": counted.day.isoformat(),
            "violationDescription": counted.description,
            "violationField": counted.field,
            "violationType": counted.type,
        },
    }


def lines(counted: QuerySet[ViolationCount]) -> Iterator[bytes]:
    """Spell each count as a line of JSON."""
    for row in counted.iterator(chunk_size=1_000):
        yield orjson.dumps(as_event(row), option=orjson.OPT_APPEND_NEWLINE)
