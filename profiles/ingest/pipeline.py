"""From inbox rows to stored events: one claim of many rows is one transaction, set-based from end to end.

1. Lease rows, the attempt counted and committed (`leases`).
2. Decode, with no transaction open (`dialects`); make the months of events exist; propose new names to the catalogue.
3. Learn who is who, if anything about it is new (`identity.resolve`, a short transaction of its own).
4. One transaction: drop duplicates, ask the gates, copy events and trait values, count, note whom it touched, mark the
   rows done under the lease. Either all of it is there afterwards or none.
"""

import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from msgspec import Struct
from msgspec.json import Encoder

from cdp.copying import array, copy_text, field
from profiles import catalogue
from profiles.identity import resolve
from profiles.identity.canonical import canonical
from profiles.identity.resolve import First, Name, bucket_of
from profiles.ingest import dialects, gates, leases, rejections
from profiles.ingest.gates import Claim, ResolvedEvent, Verdict
from profiles.ingest.incoming import IncomingEvent, Kind, Rejected
from profiles.ingest.leases import LeasedRow, LeaseLost, Outcome
from profiles.models import Cause, IdentifierType, LinkReason, Source, TraitMethod

log = logging.getLogger(__name__)

EVENTS_PER_CLAIM = 5_000

_USER, _DEVICE, _EMAIL = IdentifierType.USER_ID.value, IdentifierType.ANONYMOUS_ID.value, IdentifierType.EMAIL.value
_TOGETHER, _SAME_EMAIL, _ALIAS = LinkReason.SEEN_TOGETHER.value, LinkReason.SAME_EMAIL.value, LinkReason.ALIAS.value
_NULL = "\\N"
_json = Encoder().encode

_EVENT_COLUMNS = (
    "bucket", "kind", "clock_flag", "consent_gap", "source_id", "origin_id", "event_id", "ts", "received_at",
    "applied_at", "original_at", "sent_at", "name", "message_id", "amount", "properties", "context",
)  # fmt: skip
_TRAIT_COLUMNS = (
    "origin_id", "name", "value", "method", "source_id", "source_priority", "observed_at", "event_id", "applied_at",
)  # fmt: skip
_KNOWN_KEYS = """
SELECT event_key.key, body_hash FROM unnest(%s::bytea[]) AS given (key) JOIN event_key USING (key)
"""
_CLAIM_KEYS = """
INSERT INTO event_key (key, event_id, origin_id, ts, body_hash)
SELECT * FROM unnest(%s::bytea[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::bytea[])
    ON CONFLICT DO NOTHING RETURNING key
"""
_COUNT_ORIGINS = """
UPDATE origin SET event_count = event_count + seen.count, first_seen_at = least(first_seen_at, seen.first),
       last_seen_at = greatest(last_seen_at, seen.last)
  FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS seen (id, count, first, last)
 WHERE origin.id = seen.id
"""


class OriginGone(Exception):
    """An origin this process remembered is no more; it is forgotten now, and a second attempt asks again."""


class _Draft(Struct):
    """One event on its way; what a later step finds out is filled in."""

    row: int  # index among the rows of the claim
    event: IncomingEvent
    key: bytes
    body_hash: bytes
    event_id: int
    properties: str
    names: tuple[Name, ...]  # whose event it is comes first
    origin_id: int = 0
    profile_id: int = 0
    gap: bool = False


class _Work(Struct):
    """A claim being worked on."""

    rows: Sequence[LeasedRow]
    outcomes: list[Outcome]
    drafts: list[_Draft]
    rejected: dict[int, list[Rejected]]


def claim_once(*, worker: int = 0, limit: int = EVENTS_PER_CLAIM) -> int:
    """Store the events of the oldest waiting requests and return how many requests were taken on; 0 when none wait."""
    lease, rows = leases.take(events=limit)
    if rows:
        _attempt(rows, lease=lease, worker=worker)
    return len(rows)


def _attempt(rows: Sequence[LeasedRow], *, lease: int, worker: int) -> None:
    try:
        try:
            store(rows, lease=lease)
        except OriginGone:
            store(rows, lease=lease)
    except LeaseLost:
        log.warning("worker %s was overtaken: its claim is undone, another one did the work", worker)
    except (OperationalError, InterfaceError) as error:
        if not _is_passing(error):
            _blame(rows, error, lease=lease)
            return
        leases.give_back(lease=lease)
        if not _is_rivalry(error):
            raise
    except Exception as error:  # whatever a payload can cause: it costs its own row, never the queue
        _blame(rows, error, lease=lease)


def _blame(rows: Sequence[LeasedRow], error: Exception, *, lease: int) -> None:
    told = _told_without_data(error)
    log.error("a claim of %s requests failed: %s", len(rows), told)
    leases.suspect(lease=lease, error=told)


def _is_passing(error: Exception) -> bool:
    """Say whether the database was away, full, stopped or deadlocked, which no payload is to blame for."""
    state = _state(error)
    return state is None or state[:2] in {"08", "53", "57", "40", "55"}


def _is_rivalry(error: Exception) -> bool:
    """Say whether another claim was only in the way: a deadlock, or a lock not to be had."""
    return (_state(error) or "")[:2] in {"40", "55"}


def _state(error: Exception) -> str | None:
    return getattr(error.__cause__, "pgcode", None)


def _told_without_data(error: Exception) -> str:
    """Name an error by its kind and place: its message may hold what a person sent."""
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    state = _state(error) if isinstance(error, DatabaseError) else None
    where = f"at {place.tb_frame.f_globals.get('__name__')}:{place.tb_lineno}" if place else ""
    return " ".join(filter(None, (type(error).__name__, state, where)))


def store(rows: Sequence[LeasedRow], *, lease: int) -> None:
    """Store the events of leased rows, all or none. Raises LeaseLost when the rows were taken over meanwhile."""
    work = _decode(rows)
    _drop_known(work)
    received = max(row.received_at for row in rows)
    _prepare_months(work.drafts)
    _propose(work.drafts, now=received)
    origin_of = _resolve(work.drafts)
    with transaction.atomic():
        _store(work, origin_of)
        leases.finish(rows, work.outcomes, lease=lease)
    catalogue.count_events(Counter(draft.event.name for draft in work.drafts), now=received)


# -- before the transaction -------------------------------------------------------------------------------------------
def _decode(rows: Sequence[LeasedRow]) -> _Work:
    """Decode every row; the first event of a message id stands, in the order in which requests came in."""
    work = _Work(rows, [Outcome() for _ in rows], [], defaultdict(list))
    seen: dict[bytes, bytes] = {}
    for index, row in enumerate(rows):
        prefix = b"%d\x1f" % row.source_id
        outcome = work.outcomes[index]
        for event in dialects.events(row):
            if type(event) is Rejected:
                work.rejected[index].append(event)
                outcome.rejected += 1
                continue
            draft = _draft(index, event, prefix)
            first = seen.setdefault(draft.key, draft.body_hash)
            if first is draft.body_hash:
                work.drafts.append(draft)
            else:
                outcome.duplicates += 1
                outcome.conflicts += first != draft.body_hash
    return work


def _draft(index: int, event: IncomingEvent, prefix: bytes) -> _Draft:
    key = hashlib.sha256(prefix + event.message_id.encode()).digest()[:16]
    properties = _json(event.properties)
    told = f"{event.name}\x1f{event.user_id}\x1f{event.anonymous_id}\x1f{event.original_at}\x1f".encode()
    body_hash = hashlib.blake2b(told + properties, digest_size=8).digest()
    # The event's id is a function of its message id: ties broken by it come out the same in whatever order, and
    # however often, events arrive.
    event_id = int.from_bytes(key[:8], "big") >> 1
    return _Draft(index, event, key, body_hash, event_id, properties.decode(), _names(event))


def _names(event: IncomingEvent) -> tuple[Name, ...]:
    names: list[Name] = []
    if event.user_id is not None:
        names.append((_USER, event.user_id))
    if event.anonymous_id is not None:
        names.append((_DEVICE, event.anonymous_id))
    if event.kind is Kind.IDENTIFY and type(stated := event.traits.get("email")) is str:
        address = canonical(_EMAIL, stated)
        if address is not None:
            names.append((_EMAIL, address))
    return tuple(names)


def _pairs(draft: _Draft) -> Iterable[tuple[Name, Name, str]]:
    """Return who is seen with whom in an event, the one that would follow the other first."""
    event, names = draft.event, draft.names
    if event.kind is Kind.ALIAS and event.previous_id is not None and event.previous_id != event.user_id:
        yield (_DEVICE, event.previous_id), names[0], _ALIAS
        if event.previous_id != event.anonymous_id:
            yield (_USER, event.previous_id), names[0], _ALIAS
    if len(names) == 1:
        return
    if names[0][0] == _USER:
        for name in names[1:]:
            yield name, names[0], _SAME_EMAIL if name[0] == _EMAIL else _TOGETHER
    else:
        yield names[0], names[1], _TOGETHER


def _drop_known(work: _Work) -> None:
    """Drop what an earlier claim stored, before it can tell anything about who is who."""
    if not work.drafts:
        return
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN_KEYS, [array(draft.key for draft in work.drafts)])
        known = {bytes(key): bytes(body_hash) for key, body_hash in cursor.fetchall()}
    if known:
        _count_duplicates(work, known)


def _count_duplicates(work: _Work, known: Mapping[bytes, bytes]) -> None:
    fresh = []
    for draft in work.drafts:
        body_hash = known.get(draft.key)
        if body_hash is None:
            fresh.append(draft)
        else:
            work.outcomes[draft.row].duplicates += 1
            work.outcomes[draft.row].conflicts += body_hash != draft.body_hash
    work.drafts = fresh


def _prepare_months(drafts: Sequence[_Draft]) -> None:
    months = sorted({(draft.event.ts.year, draft.event.ts.month) for draft in drafts})
    if months:
        with connection.cursor() as cursor:
            days = [date(year, month, 1) for year, month in months]
            cursor.execute("SELECT cdp_ensure_event_month(month) FROM unnest(%s::date[]) AS month", [days])


def _propose(drafts: Sequence[_Draft], *, now: datetime) -> None:
    shapes: dict[tuple[object, ...], Mapping[str, Any]] = {}
    kinds: dict[str, int] = {}
    traits: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for draft in drafts:
        event = draft.event
        if event.kind is Kind.IDENTIFY:
            traits.setdefault(tuple(event.traits), event.traits)
        elif event.kind is not Kind.ALIAS:
            kinds[event.name] = int(event.kind)
            shapes.setdefault((event.name, *event.properties), event.properties)
    catalogue.learn_events(kinds, [(str(shape[0]), example) for shape, example in shapes.items()], now=now)
    catalogue.learn_traits(traits.values(), now=now)


def _resolve(drafts: Sequence[_Draft]) -> dict[Name, int]:
    """Return the origin of every name in the claim, after learning those, and those pairs of them, that are new."""
    names: dict[Name, First] = {}
    together: dict[tuple[Name, Name], First] = {}
    for draft in drafts:
        ts, event_id = draft.event.ts, draft.event_id
        for name in draft.names:
            known = names.get(name)
            if known is None or (ts, event_id) < (known.ts, known.event_id):
                names[name] = First(ts, event_id)
        if len(draft.names) == 1 and draft.event.kind is not Kind.ALIAS:
            continue
        for one, two, reason in _pairs(draft):
            seen = together.get((one, two))
            if seen is None or (ts, event_id) < (seen.ts, seen.event_id):
                together[one, two] = First(ts, event_id, reason)
            names.setdefault(one, First(ts, event_id))
    origin_of = resolve.find(names)
    fresh = _fresh_pairs(together, origin_of)
    unknown = names.keys() - origin_of.keys()
    if fresh or unknown:
        wanted = unknown.union(*fresh)
        origin_of |= resolve.learn(
            names={name: names[name] for name in wanted}, together={pair: together[pair] for pair in fresh}
        )
    return origin_of


def _fresh_pairs(together: Mapping[tuple[Name, Name], First], origin_of: Mapping[Name, int]) -> set[tuple[Name, Name]]:
    by_origin = {
        (origin_of[one], origin_of[two]): (one, two) for one, two in together if one in origin_of and two in origin_of
    }
    unknown = resolve.unknown_pairs({pair: together[names] for pair, names in by_origin.items()})
    known = {by_origin[pair] for pair in by_origin.keys() - unknown}
    return together.keys() - known


# -- the transaction --------------------------------------------------------------------------------------------------
def _store(work: _Work, origin_of: Mapping[Name, int]) -> None:
    for draft in work.drafts:
        draft.origin_id = origin_of[draft.names[0]]
    with connection.cursor() as cursor:
        _claim_keys(cursor, work)
        cursor.execute("SELECT clock_timestamp()")
        now = cursor.fetchone()[0]
        root_of = resolve.roots({draft.origin_id for draft in work.drafts})
        for draft in work.drafts:
            root = root_of.get(draft.origin_id)
            if root is None:
                resolve.forget()
                raise OriginGone("An identifier was erased while its events came in.")
            draft.profile_id = root
        _ask_gates(cursor, work, now=now)
        _copy_events(cursor, work, now=now)
        _copy_traits(cursor, work, now=now)
        _touch(cursor, work.drafts)
        for index, refused in work.rejected.items():
            rejections.record(source_id=work.rows[index].source_id, row=work.rows[index], rejected=refused)
        _count(cursor, work.drafts)
    for draft in work.drafts:
        work.outcomes[draft.row].stored += 1


def _claim_keys(cursor: Any, work: _Work) -> None:
    """Insert the keys in one order for all workers, and go on with those that were ours to insert."""
    drafts = sorted(work.drafts, key=lambda draft: draft.key)
    if not drafts:
        return
    cursor.execute(_CLAIM_KEYS, [
        array(draft.key for draft in drafts),
        array(draft.event_id for draft in drafts),
        array(draft.origin_id for draft in drafts),
        array(draft.event.ts for draft in drafts),
        array(draft.body_hash for draft in drafts),
    ])  # fmt: skip
    if cursor.rowcount < len(drafts):
        ours = {bytes(key) for (key,) in cursor.fetchall()}
        lost = [draft.key for draft in drafts if draft.key not in ours]
        cursor.execute(_KNOWN_KEYS, [array(lost)])
        _count_duplicates(work, {bytes(key): bytes(body_hash) for key, body_hash in cursor.fetchall()})


def _ask_gates(cursor: Any, work: _Work, *, now: datetime) -> None:
    events = [_resolved(position, draft, work.rows[draft.row]) for position, draft in enumerate(work.drafts)]
    verdicts = gates.judge(Claim(now, events))
    if not verdicts:
        return
    refused = {position for position, verdict in verdicts.items() if not verdict.keep}
    for position, verdict in verdicts.items():
        draft = work.drafts[position]
        draft.gap = verdict.gap
        if not verdict.keep:
            work.rejected[draft.row].append(_refusal(draft, work.rows[draft.row], verdict))
            work.outcomes[draft.row].rejected += 1
    if refused:
        # What was refused is not stored, so sending it again after a grant must not make it a duplicate.
        cursor.execute(
            "DELETE FROM event_key WHERE key = ANY(%s::bytea[])", [array(work.drafts[at].key for at in refused)]
        )
        work.drafts = [draft for position, draft in enumerate(work.drafts) if position not in refused]


def _resolved(position: int, draft: _Draft, row: LeasedRow) -> ResolvedEvent:
    event = draft.event
    return ResolvedEvent(
        position,
        draft.event_id,
        draft.origin_id,
        draft.profile_id,
        int(event.kind),
        event.name,
        event.ts,
        event.received_at,
        event.properties,
        event.context,
        row.source_id,
        row.assurance,
        row.gpc,
        event.message_id,
        event.consent,
        event.anonymous_id,
    )


def _refusal(draft: _Draft, row: LeasedRow, verdict: Verdict) -> Rejected:
    event = draft.event
    payload = dialects.alone(row, event.position)
    return Rejected(event.position, event.message_id, verdict.code, "", verdict.reason, payload)


def _copy_events(cursor: Any, work: _Work, *, now: datetime) -> None:
    applied = now.isoformat()
    received = [row.received_at.isoformat() for row in work.rows]
    sources = [row.source_id for row in work.rows]
    lines = []
    for draft in work.drafts:
        event = draft.event
        original, sent = event.original_at, event.sent_at
        lines.append(
            f"{draft.profile_id % 1024}\t{event.kind:d}\t{event.clock_flag:d}\t{'t' if draft.gap else 'f'}\t"
            f"{sources[draft.row]}\t{draft.origin_id}\t{draft.event_id}\t{event.ts.isoformat()}\t{received[draft.row]}"
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


def _copy_traits(cursor: Any, work: _Work, *, now: datetime) -> None:
    identifies = [draft for draft in work.drafts if draft.event.kind is Kind.IDENTIFY]
    if not identifies:
        return
    priority = dict(Source.objects.values_list("id", "priority"))
    method, applied = TraitMethod.OBSERVED.value, now.isoformat()
    lines = []
    for draft in identifies:
        source = work.rows[draft.row].source_id
        stated = f"{method}\t{source}\t{priority[source]}\t{draft.event.ts.isoformat()}\t{draft.event_id}\t{applied}\n"
        for name, value in draft.event.traits.items():
            spelled = _NULL if value is None else _escaped(_json(value).decode())
            lines.append(f"{draft.origin_id}\t{field(name)}\t{spelled}\t{stated}")
    copy_text(cursor, "trait_value", _TRAIT_COLUMNS, "".join(lines))


def _touch(cursor: Any, drafts: Sequence[_Draft]) -> None:
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


def _count(cursor: Any, drafts: Sequence[_Draft]) -> None:
    """Count per origin. Last of all, and sorted: these are the only rows that two claims may both want."""
    seen: dict[int, tuple[int, datetime, datetime]] = {}
    for draft in drafts:
        ts = draft.event.ts
        count, first, last = seen.get(draft.origin_id, (0, ts, ts))
        seen[draft.origin_id] = (count + 1, min(first, ts), max(last, ts))
    if seen:
        origins = sorted(seen)
        columns = zip(*(seen[origin] for origin in origins), strict=True)
        cursor.execute(_COUNT_ORIGINS, [array(origins), *map(array, columns)])
