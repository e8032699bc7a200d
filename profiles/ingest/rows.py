"""The rows of a claim as COPY takes them: events, trait values, and whom it all touched, with counts per origin."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from msgspec import Struct
from msgspec.json import Encoder

from cdp.copying import array, copy_text, field, text, times
from profiles.context import latest
from profiles.context.deriving import COLUMNS, Derived, derive
from profiles.identity import resolve
from profiles.identity.resolve import First, bucket_of
from profiles.ingest.drafts import Draft, Work
from profiles.ingest.incoming import Kind
from profiles.models import Cause, Source, TraitMethod

_NULL = "\\N"
_EVENT = Cause.EVENT.value
_NEVER = ("", 0, 0)
_json = Encoder().encode

_EVENT_COLUMNS = (
    "bucket", "kind", "clock_flag", "consent_gap", "source_id", "origin_id", "event_id", "ts", "received_at",
    "applied_at", "original_at", "sent_at", "name", "message_id", "amount", "properties", "context",
    *COLUMNS,
)  # fmt: skip
_TRAIT_COLUMNS = (
    "origin_id", "name", "value", "method", "source_id", "source_priority", "observed_at", "event_id", "applied_at",
)  # fmt: skip
# Two statements in one round trip: whoever takes an origin away for good holds the same lock exclusively, and the
# second statement sees what they did.
_ROOTS = """
SELECT pg_advisory_xact_lock_shared(hashtext('cdp origins stay'));
SELECT id, root_id, first_seen_at FROM origin WHERE id = ANY(%s::bigint[])
"""
_KEY_COLUMNS = ("key", "event_id", "origin_id", "ts", "body_hash")
_TOUCHED_COLUMNS = ("lane", "profile_id", "keys", "cause", "origin_id", "events", "first_at", "last_at", "context")


def roots_of(cursor: Any, origins: Iterable[int]) -> dict[int, tuple[int, datetime | None]]:
    """Return the profile each origin belongs to, and its earliest event as far as it has been counted.

    Nobody is locked: by the time this claim commits an origin may have changed hands. See `profiles.touches`.
    """
    cursor.execute(_ROOTS, [array(origins)])
    return {origin: (root, first) for origin, root, first in cursor.fetchall()}


def copy_keys(cursor: Any, drafts: Sequence[Draft]) -> None:
    """Copy the keys of drafts that are sorted by them. Raises IntegrityError when one of them is known by now."""
    lines = [
        f"\\\\x{draft.key.hex()}\t{draft.event_id}\t{draft.origin_id}\t{draft.ts}\t\\\\x{draft.body_hash.hex()}\n"
        for draft in drafts
    ]
    copy_text(cursor, "event_key", _KEY_COLUMNS, "".join(lines))


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
    # What is the same for all events of a request, each time spelled once.
    shared = [f"\t{row.received_at.isoformat()}\t{applied}\t" for row in work.rows]
    sources = [row.source_id for row in work.rows]
    sent = times([draft.event.sent_at for draft in work.drafts])
    named = cache(field)
    lines = []
    for draft, sent_at in zip(work.drafts, sent, strict=True):
        event = draft.event
        derived = draft.derived = derive(event.context)
        lines.append(
            f"{draft.profile_id % 1024}\t{event.kind:d}\t{event.clock_flag:d}\t{'t' if draft.gap else 'f'}\t"
            f"{sources[draft.row]}\t{draft.origin_id}\t{draft.event_id}\t{draft.ts}{shared[draft.row]}"
            f"{draft.original_at or _NULL}\t{sent_at or _NULL}\t{named(event.name)}\t{text(event.message_id)}\t"
            f"{_amount(event.properties)}\t{_escaped(draft.properties)}\t{_escaped(_json(event.context).decode())}\t"
            f"{derived.columns}\n"
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


class _Stored(Struct):
    """What a claim stored under one origin."""

    profile_id: int
    keys: frozenset[str]
    first: str
    last: str
    events: int = 0
    told: dict[Derived, tuple[str, int, int]] = {}  # the latest event of each derived context


def note_touched(cursor: Any, work: Work) -> None:
    """Note whom the claim touched, and what it stored under each of their origins, for the lane to count.

    Times are compared as they are spelled: all of them in UTC, by one hand, they sort as text.
    """
    stored: dict[int, _Stored] = {}
    union = cache(frozenset.union)
    for draft in work.drafts:
        of, ts, keys = stored.get(draft.origin_id), draft.ts, _keys(draft)
        if of is None:
            of = stored[draft.origin_id] = _Stored(draft.profile_id, keys, ts, ts)
        elif keys is not of.keys:
            of.keys = union(of.keys, keys)
        of.events += 1
        if ts < of.first:
            of.first = ts
        elif ts > of.last:
            of.last = ts
        if draft.derived.parts:
            stamp = ts, draft.event_id, work.rows[draft.row].source_id
            if stamp > of.told.get(draft.derived, _NEVER):
                of.told[draft.derived] = stamp
    array_of = cache(lambda keys: field(_array(keys)))
    copy_text(cursor, "touched", _TOUCHED_COLUMNS, "".join([
        f"{bucket_of(of.profile_id)}\t{of.profile_id}\t{array_of(of.keys)}\t{_EVENT}\t{origin}\t{of.events}\t"
        f"{of.first}\t{of.last}\t{_context(of)}\n"
        for origin, of in stored.items()
    ]))  # fmt: skip


def _context(of: _Stored) -> str:
    return _escaped(latest.spelled(of.told)) if of.told else _NULL


@lru_cache(maxsize=4_096)
def _event_key(name: str) -> frozenset[str]:
    return frozenset((f"event:{name}",))


def _keys(draft: Draft) -> frozenset[str]:
    keys = _event_key(draft.event.name)
    if draft.event.kind is Kind.IDENTIFY:
        return keys.union([f"trait:{name}" for name in draft.event.traits])
    return keys


def _array(texts: Iterable[str]) -> str:
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"
