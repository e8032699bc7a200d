"""What a source sent lately, for whoever writes or decides on its plan."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection

from profiles.ingest.incoming import ClockFlag, IncomingEvent, Kind
from profiles.models import Source
from profiles.plans import plan
from profiles.plans.checking import CompiledPlan
from profiles.plans.enforcement import SourceTerms
from profiles.plans.learning import Seen

LOOKED_AT = 2_000
#: No index leads from a source to its events, so a span of time is read, the shortest that holds enough of them.
_SPANS = (timedelta(hours=1), timedelta(days=1), timedelta(days=30))
_MOST_READ = 200_000
_LATEST = """
SELECT kind, name, properties::text, context::text, origin_id, message_id, ts, received_at
  FROM (SELECT * FROM events WHERE applied_at > %s LIMIT %s) lately
 WHERE source_id = %s ORDER BY applied_at DESC LIMIT %s
"""


def latest(*, source_id: int, most: int, now: datetime) -> list[Seen]:
    """Return what the source's latest stored events held."""
    return [Seen(Kind(row[0]), row[1], orjson.loads(row[2]), row[4]) for row in _rows(source_id, most, now)]


def would_meet(*, source: Source, content: Any, terms: SourceTerms, now: datetime) -> dict[str, Any]:
    """Count what the source's latest events would have met with under a plan and these terms."""
    told: dict[str, Any] = {"source": source.key, "looked_at": 0, "blocked": 0, "omitting": 0, "violating": 0}
    if content is None:
        return told
    compiled = CompiledPlan(plan.read(content))
    reasons: Counter[str] = Counter()
    for event in _events(source.pk, now):
        told["looked_at"] += 1
        judgement = compiled.judge(event, terms.enforcement)
        if judgement is None:
            continue
        told["violating"] += 1
        told["blocked"] += judgement.is_blocked
        told["omitting"] += bool(judgement.omits)
        reasons.update(f"{event.name}: {found.field}, {found.type}" for found in judgement.findings)
    return {**told, "most": [{"what": what, "events": count} for what, count in reasons.most_common(10)]}


def _rows(source_id: int, most: int, now: datetime) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for span in _SPANS:
        with connection.cursor() as cursor:
            cursor.execute(_LATEST, [now - span, _MOST_READ, source_id, most])
            found = cursor.fetchall()
        if len(found) >= most:
            break
    return found


def _events(source_id: int, now: datetime) -> Iterator[IncomingEvent]:
    """Make stored events into incoming ones again. Ids are not stored with them: each stands for itself."""
    for kind, name, properties, context, origin, message_id, ts, received in _rows(source_id, LOOKED_AT, now):
        content = orjson.loads(properties)
        yield IncomingEvent(
            position=0,
            message_id=message_id,
            kind=Kind(kind),
            name=name,
            user_id=str(origin),
            anonymous_id=str(origin),
            previous_id=None,
            group_id=str(origin),
            traits=content if kind == Kind.IDENTIFY else {},
            properties=content,
            context=orjson.loads(context),
            consent=None,
            original_at=ts,
            sent_at=None,
            ts=ts,
            received_at=received,
            clock_flag=ClockFlag.AS_GIVEN,
        )
