"""From inbox rows to stored events: one claim of many rows is one transaction, set-based from end to end.

1. Lease rows, the attempt counted and committed (`leases`).
2. Decode, with no transaction open (`dialects`); make the months of events exist.
3. Screen events by what they say (`verdicts`), then learn who is who from the rest, if anything about it is new
   (`identity.resolve`, a short transaction of its own).
4. One transaction: drop duplicates, ask the gates, copy events and trait values, count, note whom it touched, mark the
   rows done under the lease. Either all of it is there afterwards or none.
5. Propose new names to the catalogue, of stored events only, and count these. A crash before that costs the catalogue
   an estimate, and a name that comes again is proposed again.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db import DatabaseError, IntegrityError, InterfaceError, connection, transaction

from cdp.copying import array
from cdp.outages import is_passing
from profiles import catalogue, failures
from profiles.context import places
from profiles.context.catalogue import declare
from profiles.identity import refusals, resolve, rules
from profiles.identity.resolve import First, Name
from profiles.identity.rules import RuleChanged
from profiles.ingest import gates, leases, rejections, rows, verdicts
from profiles.ingest.drafts import Draft, Work, count_duplicates, decode, pairs
from profiles.ingest.gates import Claim, ResolvedEvent
from profiles.ingest.incoming import Kind
from profiles.ingest.leases import LeasedRow, LeaseLost

log = logging.getLogger(__name__)

#: More of them share one look at who is who and one row a person for the lanes; this many take a worker half a second.
EVENTS_PER_CLAIM = 12_000

# A probe for each key, and the LIMIT keeps it so: joined, the planner would read all keys there are for every claim.
_KNOWN_KEYS = """
SELECT known.key, known.body_hash
  FROM unnest(%s::bytea[]) AS given (key)
 CROSS JOIN LATERAL (SELECT key, body_hash FROM event_key WHERE event_key.key = given.key LIMIT 1) AS known
"""
_CLAIM_KEYS = """
INSERT INTO event_key (key, event_id, origin_id, ts, body_hash)
SELECT * FROM unnest(%s::bytea[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::bytea[])
    ON CONFLICT DO NOTHING RETURNING key
"""


class OriginGone(Exception):
    """An origin this process remembered is no more; it is forgotten now, and a second attempt asks again."""


def claim_once(*, worker: int = 0, limit: int = EVENTS_PER_CLAIM) -> int:
    """Store the events of the oldest waiting requests and return how many requests were taken on; 0 when none wait."""
    lease, leased = leases.take(events=limit)
    if leased:
        _attempt(leased, lease=lease, worker=worker)
    return len(leased)


def _attempt(leased: Sequence[LeasedRow], *, lease: int, worker: int) -> None:
    try:
        try:
            store(leased, lease=lease)
        except (OriginGone, RuleChanged):
            store(leased, lease=lease)
    except LeaseLost:
        log.warning("worker %s was overtaken: its claim is undone, another one did the work", worker)
    except (DatabaseError, InterfaceError) as error:
        if not is_passing(error):
            _blame(leased, error, lease=lease)
            return
        leases.give_back(lease=lease)
        if not failures.is_rivalry(error):
            raise
    except Exception as error:  # whatever a payload can cause: it costs its own row, never the queue
        _blame(leased, error, lease=lease)


def _blame(leased: Sequence[LeasedRow], error: Exception, *, lease: int) -> None:
    told = failures.told_without_data(error)
    facts = {"requests": len(leased), "request_ids": [row.request_id for row in leased], "error": told}
    log.error("a claim failed", extra=facts)
    leases.suspect(lease=lease, error=told)


def store(leased: Sequence[LeasedRow], *, lease: int) -> None:
    """Store the events of leased rows, all or none. Raises LeaseLost when the rows were taken over meanwhile."""
    work = decode(leased, rules.live_rule())
    places.refresh()
    _drop_known(work)
    writes = verdicts.screen(work)
    received = max(row.received_at for row in leased)
    _prepare_months([draft for draft in work.drafts if draft.refused is None])
    origin_of = _resolve(work)
    verdicts.set_aside(work, origin_of)
    with transaction.atomic():
        rules.hold(work.rule)
        _store(work, origin_of)
        for write in writes:
            write()
        leases.finish(leased, work.outcomes, lease=lease)
    _propose(work.drafts, now=received)
    catalogue.count_events(Counter(draft.event.name for draft in work.drafts), now=received)


# -- before the transaction -------------------------------------------------------------------------------------------
def _drop_known(work: Work) -> None:
    """Drop what an earlier claim stored, before it can tell anything about who is who."""
    if not work.drafts:
        return
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN_KEYS, [array(draft.key for draft in work.drafts)])
        known = {bytes(key): bytes(body_hash) for key, body_hash in cursor.fetchall()}
    if known:
        count_duplicates(work, known)


def _prepare_months(drafts: Sequence[Draft]) -> None:
    months = sorted({(draft.event.ts.year, draft.event.ts.month) for draft in drafts})
    if months:
        with connection.cursor() as cursor:
            days = [date(year, month, 1) for year, month in months]
            cursor.execute("SELECT cdp_ensure_event_month(month) FROM unnest(%s::date[]) AS month", [days])


def _resolve(work: Work) -> dict[Name, int]:
    """Return the origin of every name in the claim, after learning those, and those pairs of them, that are new."""
    names: dict[Name, First] = {}
    together: dict[tuple[Name, Name], First] = {}
    silent: set[Name] = set()
    for draft in work.drafts:
        if not verdicts.makes_known(work, draft):
            silent.update(draft.names)
            continue
        ts, event_id = draft.event.ts, draft.event_id
        for name in draft.names:
            known = names.get(name)
            if known is None or (ts, event_id) < (known.ts, known.event_id):
                names[name] = First(ts, event_id)
        if draft.refused is not None or (len(draft.names) == 1 and draft.event.kind is not Kind.ALIAS):
            continue
        for one, two, reason in pairs(draft, work.rule):
            seen = together.get((one, two))
            if seen is None or (ts, event_id) < (seen.ts, seen.event_id):
                together[one, two] = First(ts, event_id, reason)
            known = names.get(one)  # an alias's previous id is no name of the event itself
            if known is None or (ts, event_id) < (known.ts, known.event_id):
                names[one] = First(ts, event_id)
    return resolve.learn_all(names=names, together=together, rule=work.rule, asked=silent)


# -- the transaction --------------------------------------------------------------------------------------------------
def _store(work: Work, origin_of: Mapping[Name, int]) -> None:
    for draft in work.drafts:
        draft.origin_id = origin_of[draft.names[0]]
    with connection.cursor() as cursor:
        _claim_keys(cursor, work)
        origins = rows.roots_of(cursor, {draft.origin_id for draft in work.drafts})
        cursor.execute("SELECT clock_timestamp()")
        now = cursor.fetchone()[0]
        for draft in work.drafts:
            if draft.origin_id not in origins:
                resolve.forget()
                raise OriginGone("An identifier was erased while its events came in.")
            draft.profile_id = origins[draft.origin_id][0]
        _ask_gates(cursor, work, now=now)
        rows.copy_events(cursor, work, now=now)
        rows.copy_traits(cursor, work, now=now)
        rows.note_touched(cursor, work)
        for index, refused in work.rejected.items():
            rejections.record(source_id=work.rows[index].source_id, row=work.rows[index], rejected=refused)
        rows.date_identifiers(cursor, work.drafts, origins)
        refusals.count(cursor, work.drafts)
    for draft in work.drafts:
        work.outcomes[draft.row].stored += 1


def _claim_keys(cursor: Any, work: Work) -> None:
    """Insert the keys in one order for all workers, and go on with those that were ours to insert."""
    drafts = sorted(work.drafts, key=lambda draft: draft.key)
    try:
        with transaction.atomic():
            rows.copy_keys(cursor, drafts)
    except IntegrityError:  # another claim stored one of them since we looked
        _claim_what_is_left(cursor, work, drafts)


def _claim_what_is_left(cursor: Any, work: Work, drafts: Sequence[Draft]) -> None:
    cursor.execute(_CLAIM_KEYS, [
        array(draft.key for draft in drafts),
        array(draft.event_id for draft in drafts),
        array(draft.origin_id for draft in drafts),
        array(draft.ts for draft in drafts),
        array(draft.body_hash for draft in drafts),
    ])  # fmt: skip
    ours = {bytes(key) for (key,) in cursor.fetchall()}
    lost = [draft.key for draft in drafts if draft.key not in ours]
    cursor.execute(_KNOWN_KEYS, [array(lost)])
    count_duplicates(work, {bytes(key): bytes(body_hash) for key, body_hash in cursor.fetchall()})


def _ask_gates(cursor: Any, work: Work, *, now: datetime) -> None:
    events = [_resolved(position, draft, work.rows[draft.row]) for position, draft in enumerate(work.drafts)]
    said = verdicts.with_screened(work, gates.judge(Claim(now, events)))
    refused = verdicts.carry_out(work, said) if said else ()
    if refused:
        # What was refused is not stored, so sending it again after a grant must not make it a duplicate.
        cursor.execute("DELETE FROM event_key WHERE key = ANY(%s::bytea[])", [array(draft.key for draft in refused)])


def _resolved(position: int, draft: Draft, row: LeasedRow) -> ResolvedEvent:
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


# -- after the transaction --------------------------------------------------------------------------------------------
def _propose(drafts: Sequence[Draft], *, now: datetime) -> None:
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
    declare({draft.derived for draft in drafts}, now=now)
