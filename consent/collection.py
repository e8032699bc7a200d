"""Consent that rides on events: from a claim's preferences to ledger entries, for all of its events at once."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from cdp.copying import array
from cdp.pseudonyms import lookup_hash
from consent import catalogue, dialects, evidence, ledger, preferences, projection
from consent.canonical import Actor
from consent.decisions import Assurance, Operation
from consent.dialects import Answer, Method
from consent.models import Channel
from consent.preferences import Change, Preference, Sighting
from consent.terms import Terms
from profiles.ingest.gates import Claim, ResolvedEvent
from profiles.models import Event, Source


@dataclass(frozen=True, slots=True)
class Stream:
    """What one device of one source says about one purpose, in one way."""

    origin_id: int
    source_id: int
    device: bytes
    channel: Channel
    purpose: str


@dataclass(slots=True)
class Told:
    """A stream's sightings in this claim, and the event that each came with."""

    sightings: list[Sighting] = field(default_factory=list)
    events: dict[tuple[datetime, bool], tuple[ResolvedEvent, Method]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Known:
    """A stream as it is stored: `entry_hash` is the entry of its current run, unless that is a decision of its own."""

    preference: Preference
    entry_hash: bytes | None


@dataclass(frozen=True, slots=True)
class _Act:
    """A change with what it came from. Acts that agree in `group` become one entry over several purposes."""

    stream: Stream
    change: Change
    operation: Operation
    event: ResolvedEvent
    method: Method
    supersedes: bytes | None

    @property
    def group(self) -> tuple[object, ...]:
        stream = self.stream
        return (
            stream.origin_id, stream.source_id, stream.device, stream.channel,
            self.operation, self.change.at, self.event.event_id, self.supersedes,
        )  # fmt: skip


def record(claim: Claim, purposes: Mapping[str, Terms]) -> None:
    """Follow the preferences on the claim's events, and append what changed to the ledger."""
    told = _told(claim.events, purposes)
    if not told:
        return
    subjects, roots = projection.lock_people({stream.origin_id for stream in told}, now=claim.now)
    known = _known(told)
    after, acts = _follow(told, known, purposes)
    hashes = _append(acts, purposes, subjects, now=claim.now)
    _keep(after, known, hashes)
    if acts:
        told_of = {act.stream.origin_id: roots[act.stream.origin_id] for act in acts}
        about = {act.stream.purpose for act in acts}
        projection.refresh(profile_ids=told_of.values(), purposes=about, now=claim.now, told=told_of)


def _told(events: Iterable[ResolvedEvent], purposes: Mapping[str, Terms]) -> dict[Stream, Told]:
    told: dict[Stream, Told] = defaultdict(Told)
    for event in events:
        if not (event.gpc or dialects.may_tell(event.context)):
            continue  # nearly every event, and a generator for each would cost more than the look
        for stream, sighting, method in _sightings(event, purposes):
            told[stream].sightings.append(sighting)
            told[stream].events.setdefault((sighting.at, sighting.granted), (event, method))
    return told


def _sightings(event: ResolvedEvent, purposes: Mapping[str, Terms]) -> Iterator[tuple[Stream, Sighting, Method]]:
    """Read one event. `Sec-GPC` counts from a browser only; there it outweighs a consent manager's yes to a sale."""
    opted_out = event.gpc and event.assurance == Assurance.CLIENT
    stated = dialects.read(event.context)
    if stated is None and not opted_out:
        return
    device = lookup_hash("anonymous_id", event.anonymous_id) if event.anonymous_id else b""
    if stated is not None:
        is_stated = event.name in dialects.DEDICATED
        for purpose, answer in dialects.answers(stated, purposes.values()).items():
            if answer is Answer.YES and opted_out and purposes[purpose].is_sale_or_sharing:
                continue
            stream = Stream(event.origin_id, event.source_id, device, Channel.EVENT, purpose)
            left_out = answer is Answer.LEFT_OUT
            yield stream, Sighting(event.ts, answer is Answer.YES, is_stated and not left_out, left_out), stated.method
    if opted_out:
        for purpose in (terms.key for terms in purposes.values() if terms.is_sale_or_sharing):
            stream = Stream(event.origin_id, event.source_id, device, Channel.GPC, purpose)
            yield stream, Sighting(event.ts, granted=False), Method.GPC


def _known(streams: Iterable[Stream]) -> dict[Stream, Known]:
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [array({stream.origin_id for stream in streams})])
        return {
            Stream(origin_id, source_id, bytes(device), Channel(channel), purpose): Known(
                Preference(granted_at, denied_at, since), bytes(entry_hash) if entry_hash else None
            )
            for origin_id, source_id, device, channel, purpose, granted_at, denied_at, since, entry_hash in cursor
        }


def _follow(
    told: Mapping[Stream, Told], known: Mapping[Stream, Known], purposes: Mapping[str, Terms]
) -> tuple[dict[Stream, Preference], list[_Act]]:
    after: dict[Stream, Preference] = {}
    acts: list[_Act] = []
    for stream, tale in told.items():
        before = known.get(stream)
        preference, changes = preferences.follow(
            before.preference if before else None,
            tale.sightings,
            resumed_at=_resumed_at(stream, tale, purposes[stream.purpose]),
        )
        if preference is None:
            continue
        after[stream] = preference
        for change in changes:
            # A run that resumed at an event of an earlier claim has no event here: any of this claim's shows it.
            event, method = tale.events.get((change.at, change.granted)) or next(iter(tale.events.values()))
            supersedes = before.entry_hash if change.is_earlier_start and before else None
            operation = _operation(change, preference, stream.channel)
            acts.append(_Act(stream, change, operation, event, method, supersedes))
    return after, acts


def _operation(change: Change, preference: Preference, channel: Channel) -> Operation:
    if change.granted:
        return Operation.GRANT
    agreed_before = preference.granted_at is not None and preference.granted_at < change.at
    return Operation.WITHDRAW if agreed_before and channel is Channel.EVENT else Operation.DENY


def _resumed_at(stream: Stream, tale: Told, terms: Terms) -> Callable[[bool, datetime], datetime | None]:
    """Find, in the stored events, the first yes after a late no: on which side of another act it lies decides.

    For a run of refusals the last one is taken instead. Both choices err on the side of not using the data.
    """

    def find(granted: bool, after: datetime) -> datetime | None:
        if not granted:
            return None
        stored = Event.objects.filter(origin_id=stream.origin_id, source_id=stream.source_id, ts__gt=after)
        for ts, context in stored.order_by("ts").values_list("ts", "context").iterator(chunk_size=200):
            said = dialects.read(context)
            if said is not None and dialects.answers(said, [terms]).get(terms.key) is Answer.YES:
                return ts
        return None

    return find


def _append(
    acts: Sequence[_Act], purposes: Mapping[str, Terms], subjects: Mapping[int, evidence.Subject], *, now: datetime
) -> dict[tuple[Stream, datetime, bool], bytes | None]:
    """Append one entry per group; return the hash by which each stream's change can be superseded, if it can."""
    if not acts:
        return {}
    groups: dict[tuple[object, ...], list[_Act]] = defaultdict(list)
    for act in acts:
        groups[(*act.group, purposes[act.stream.purpose].notice)].append(act)
    sources = dict(Source.objects.filter(id__in={act.stream.source_id for act in acts}).values_list("id", "key"))
    notices = {key: catalogue.live_notice(key) for key in {purposes[act.stream.purpose].notice for act in acts} if key}
    entries = []
    for group in groups.values():
        first = group[0]
        agreed = {act.stream.purpose: purposes[act.stream.purpose] for act in group}
        entries.append(
            ledger.NewEntry(
                origin_id=first.stream.origin_id,
                operation=first.operation,
                purposes=tuple(ledger.agreed(agreed[key], first.operation, first.change.at) for key in sorted(agreed)),
                notice=ledger.shown(notices.get(agreed[first.stream.purpose].notice)),
                method=str(first.method),
                occurred_at=first.change.at,
                received_at=now,
                teller=_teller(first, sources),
                private=_private(first),
                supersedes=first.supersedes,
            )
        )
    written = ledger.append(entries, subjects=subjects)
    return {
        (act.stream, act.change.at, act.change.granted): None if act.change.is_stated else entry.hash
        for entry, group in zip(written, groups.values(), strict=True)
        for act in group
    }


def _teller(act: _Act, sources: Mapping[int, str]) -> ledger.Teller:
    return ledger.Teller(
        channel=act.stream.channel,
        source=sources.get(act.stream.source_id, str(act.stream.source_id)),
        assurance=Assurance(act.event.assurance),
        actor=Actor("subject", ""),
    )


def _private(act: _Act) -> dict[str, Any]:
    """Keep what proves it and must not be public: which device, which message, and the preferences as sent."""
    context = act.event.context
    captured = {
        name: context[name] for name in ("consent", "consentManagement", "ip", "userAgent", "page") if name in context
    }
    return {"anonymous_id": act.event.anonymous_id, "message_id": act.event.message_id, "captured": captured}


_KNOWN = """
SELECT origin_id, source_id, device, channel, purpose, granted_at, denied_at, since, entry_hash
  FROM consent_device_preference WHERE origin_id = ANY (%s::bigint[])
"""
_KEEP = """
INSERT INTO consent_device_preference AS known
       (origin_id, source_id, device, channel, purpose, granted_at, denied_at, since, entry_hash)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[], %s::text[], %s::text[],
                     %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::bytea[])
    ON CONFLICT (origin_id, source_id, device, channel, purpose) DO UPDATE
   SET granted_at = excluded.granted_at, denied_at = excluded.denied_at,
       since = excluded.since, entry_hash = excluded.entry_hash
"""


def _keep(
    after: Mapping[Stream, Preference],
    known: Mapping[Stream, Known],
    hashes: Mapping[tuple[Stream, datetime, bool], bytes | None],
) -> None:
    rows = []
    for stream, preference in after.items():
        before = known.get(stream)
        if before is not None and before.preference == preference:
            continue
        entry = hashes.get((stream, preference.since, preference.granted), before.entry_hash if before else None)
        rows.append(
            (
                stream.origin_id, stream.source_id, stream.device, stream.channel.value, stream.purpose,
                preference.granted_at, preference.denied_at, preference.since, entry,
            )
        )  # fmt: skip
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, [array(column) for column in zip(*rows, strict=True)])
