"""The rows of a claim as COPY takes them: events, trait values, counts per origin, and whom it all touched."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec.json import Encoder

from cdp.copying import array, copy_text, field
from profiles.identity import resolve
from profiles.identity.resolve import First, bucket_of
from profiles.ingest.drafts import Draft, Work
from profiles.ingest.incoming import Kind
from profiles.models import Cause, Source, TraitMethod

_NULL = "\\N"
_json = Encoder().encode

_EVENT_COLUMNS = (
    "bucket", "kind", "clock_flag", "consent_gap", "source_id", "origin_id", "event_id", "ts", "received_at",
    "applied_at", "original_at", "sent_at", "name", "message_id", "amount", "properties", "context",
)  # fmt: skip
_TRAIT_COLUMNS = (
    "origin_id", "name", "value", "method", "source_id", "source_priority", "observed_at", "event_id", "applied_at",
)  # fmt: skip
_LOCK_ORIGINS = """
SELECT id, root_id, first_seen_at FROM origin WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""
_COUNT_ORIGINS = """
UPDATE origin SET event_count = event_count + seen.count, first_seen_at = least(first_seen_at, seen.first),
       last_seen_at = greatest(last_seen_at, seen.last)
  FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS seen (id, count, first, last)
 WHERE origin.id = seen.id
"""


def lock_origins(cursor: Any, origins: Iterable[int]) -> dict[int, tuple[int, datetime | None]]:
    """Return the profile each origin belongs to and its earliest event, and keep it so until this claim commits.

    A merge or a move waits for that, so whoever is touched here is whose the events are. In the order of ids and before
    the gates lock anything of theirs, as learning does it: the two never wait for each other in a circle.
    """
    cursor.execute(_LOCK_ORIGINS, [array(origins)])
    return {origin: (root, first) for origin, root, first in cursor.fetchall()}


def date_identifiers(cursor: Any, drafts: Sequence[Draft], origins: Mapping[int, tuple[int, datetime | None]]) -> None:
    """Give identifiers the time of their earliest event, where one came in late."""
    firsts: dict[int, First] = {}
    for draft in drafts:
        origin, ts = draft.origin_id, draft.event.ts
        known = origins[origin][1]
        if known is None or ts <= known:
            earliest = firsts.get(origin)
            if earliest is None or (ts, draft.event_id) < (earliest.ts, earliest.event_id):
                firsts[origin] = First(ts, draft.event_id)
    resolve.date(cursor, firsts)


def copy_events(cursor: Any, work: Work, *, now: datetime) -> None:
    applied = now.isoformat()
    received = [row.received_at.isoformat() for row in work.rows]
    sources = [row.source_id for row in work.rows]
    lines = []
    for draft in work.drafts:
        event = draft.event
        original, sent = event.original_at, event.sent_at
        lines.append(
            f"{draft.profile_id % 1024}\t{event.kind:d}\t{event.clock_flag:d}\t{'t' if draft.gap else 'f'}\t"
            f"{sources[draft.row]}\t{draft.origin_id}\t{draft.event_id}\t{draft.ts}\t{received[draft.row]}"
            f"\t{applied}\t{original.isoformat() if original else _NULL}\t{sent.isoformat() if sent else _NULL}\t"
            f"{field(event.name)}\t{field(event.message_id)}\t{_amount(event.properties)}\t"
            f"{_escaped(draft.properties)}\t{_escaped(_json(event.context).decode())}\n"
        )
    copy_text(cursor, "events", _EVENT_COLUMNS, "".join(lines))


def _escaped(json: str) -> str:
    # Encoded JSON holds no raw tab or line end, so the backslash is all that COPY could misread.
    return json.replace("\\", "\\\\") if "\\" in json else json


def _amount(properties: Mapping[str, Any]) -> str:
    """Return what the event was worth, in COPY's spelling: an exact decimal, never a float's sum."""
    revenue = properties.get("revenue")
    return repr(revenue) if type(revenue) in (int, float) else _NULL


def copy_traits(cursor: Any, work: Work, *, now: datetime) -> None:
    identifies = [draft for draft in work.drafts if draft.event.kind is Kind.IDENTIFY]
    if not identifies:
        return
    priority = dict(Source.objects.values_list("id", "priority"))
    method, applied = TraitMethod.OBSERVED.value, now.isoformat()
    lines = []
    for draft in identifies:
        source = work.rows[draft.row].source_id
        stated = f"{method}\t{source}\t{priority[source]}\t{draft.ts}\t{draft.event_id}\t{applied}\n"
        for name, value in draft.event.traits.items():
            spelled = _NULL if value is None else _escaped(_json(value).decode())
            lines.append(f"{draft.origin_id}\t{field(name)}\t{spelled}\t{stated}")
    copy_text(cursor, "trait_value", _TRAIT_COLUMNS, "".join(lines))


def note_touched(cursor: Any, drafts: Sequence[Draft]) -> None:
    keys: defaultdict[int, set[str]] = defaultdict(set)
    for draft in drafts:
        changed = keys[draft.profile_id]
        changed.add(f"event:{draft.event.name}")
        if draft.event.kind is Kind.IDENTIFY:
            changed.update(f"trait:{name}" for name in draft.event.traits)
    spelled: dict[frozenset[str], str] = {}
    lines = []
    for profile, changed in keys.items():
        known = frozenset(changed)
        array = spelled.get(known) or spelled.setdefault(known, field(_array(known)))
        lines.append(f"{bucket_of(profile)}\t{profile}\t{array}\t{Cause.EVENT.value}\n")
    copy_text(cursor, "touched", ("lane", "profile_id", "keys", "cause"), "".join(lines))


def _array(texts: Iterable[str]) -> str:
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"


def count_origins(cursor: Any, drafts: Sequence[Draft]) -> None:
    """Count per origin; the rows are this claim's since `lock_origins`."""
    seen: dict[int, tuple[int, datetime, datetime]] = {}
    for draft in drafts:
        ts = draft.event.ts
        count, first, last = seen.get(draft.origin_id, (0, ts, ts))
        seen[draft.origin_id] = (count + 1, min(first, ts), max(last, ts))
    if seen:
        origins = sorted(seen)
        columns = zip(*(seen[origin] for origin in origins), strict=True)
        cursor.execute(_COUNT_ORIGINS, [array(origins), *map(array, columns)])
