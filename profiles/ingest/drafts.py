"""Events on their way: what a claim's rows hold, decoded, each message id once, with the names each event goes by."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.json import Encoder

from cdp.copying import times
from profiles.context.deriving import NOTHING, Derived
from profiles.identity import naming
from profiles.identity.naming import Name
from profiles.identity.rule import IdentityRule
from profiles.ingest import dialects, singled
from profiles.ingest.gates import Verdict
from profiles.ingest.incoming import IncomingEvent, Kind, Rejected, RejectionCode
from profiles.ingest.leases import LeasedRow, Outcome

_json = Encoder().encode


class Draft(Struct):
    """One event on its way; what a later step finds out is filled in."""

    row: int  # index among the rows of the claim
    event: IncomingEvent
    key: bytes
    body_hash: bytes
    event_id: int
    properties: str
    names: tuple[Name, ...]  # whose event it is comes first
    ts: str
    original_at: str | None
    blocked: tuple[Name, ...] = ()  # what the identity rule says is nobody's
    origin_id: int = 0
    profile_id: int = 0
    gap: bool = False
    derived: Derived = NOTHING  # from its context, once the gates have judged
    refused: Verdict | None = None  # by a screen; what that means for `names` is told in `verdicts`


class Work(Struct):
    """A claim being worked on."""

    rule: IdentityRule
    rows: Sequence[LeasedRow]
    outcomes: list[Outcome]
    drafts: list[Draft]
    rejected: dict[int, list[Rejected]]


def decode(rows: Sequence[LeasedRow], rule: IdentityRule) -> Work:
    """Decode every row; the first event of a message id stands, in the order in which requests came in."""
    work = Work(rule, rows, [Outcome() for _ in rows], [], defaultdict(list))
    seen: dict[bytes, bytes] = {}
    for index, row in enumerate(rows):
        outcome = work.outcomes[index]
        incoming = _accepted(work, index, dialects.events(row))
        nobodys: list[Draft] = []
        for draft in _drafts(index, incoming, b"%d\x1f" % row.source_id, rule):
            if not draft.names:
                nobodys.append(draft)
                continue
            first = seen.setdefault(draft.key, draft.body_hash)
            if first is draft.body_hash:
                work.drafts.append(draft)
            else:
                outcome.duplicates += 1
                outcome.conflicts += first != draft.body_hash
        _refuse(work, index, nobodys)
    return work


def _accepted(work: Work, index: int, found: Sequence[IncomingEvent | Rejected]) -> list[IncomingEvent]:
    """Set aside what the dialect refused."""
    rejected = [event for event in found if isinstance(event, Rejected)]
    if rejected:
        work.rejected[index] += rejected
        work.outcomes[index].rejected += len(rejected)
    return [event for event in found if not isinstance(event, Rejected)]


def _drafts(index: int, events: Sequence[IncomingEvent], prefix: bytes, rule: IdentityRule) -> Iterable[Draft]:
    # Times are spelled for all events of a request at once, and once each: a tenth of the cost of one after the other.
    moments = times([event.ts for event in events])
    originals = times([event.original_at for event in events])
    for event, ts, original in zip(events, moments, originals, strict=True):
        key = hashlib.sha256(prefix + event.message_id.encode()).digest()[:16]
        properties = _json(event.properties)
        stated = original and original.replace("T", " ")
        told = f"{event.name}\x1f{event.user_id}\x1f{event.anonymous_id}\x1f{stated}\x1f".encode()
        body_hash = hashlib.blake2b(told + properties, digest_size=8).digest()
        # The event's id is a function of its message id: ties broken by it come out the same in whatever order, and
        # however often, events arrive.
        event_id = int.from_bytes(key[:8], "big") >> 1
        names, blocked = naming.names(event, rule)
        yield Draft(index, event, key, body_hash, event_id, properties.decode(), names, ts, original, blocked)


def _refuse(work: Work, index: int, nobodys: Sequence[Draft]) -> None:
    """Refuse events all of whose ids are nobody's: there is no one they could be kept under."""
    if not nobodys:
        return
    payloads = singled.each_alone(work.rows[index], [draft.event.position for draft in nobodys])
    for draft in nobodys:
        event = draft.event
        told = " and ".join(sorted({type for type, _ in draft.blocked}))
        work.rejected[index].append(
            Rejected(
                event.position,
                event.message_id,
                RejectionCode.BLOCKED_ID,
                "userId" if event.user_id is not None else "anonymousId",
                f"The identity rule says that the {told} of this event is nobody's, and it carries no other.",
                payloads[event.position],
                event.name,
            )
        )
        work.outcomes[index].rejected += 1


def pairs(draft: Draft, rule: IdentityRule) -> Iterable[naming.Pair]:
    """Return who is seen with whom in an event, the one that would follow the other first."""
    event, names = draft.event, draft.names
    if event.kind is Kind.ALIAS and event.previous_id is not None:
        yield from naming.alias_pairs(names, previous_id=event.previous_id, anonymous_id=event.anonymous_id, rule=rule)
    yield from naming.pairs(names)


def count_duplicates(work: Work, known: Mapping[bytes, bytes]) -> None:
    fresh = []
    for draft in work.drafts:
        body_hash = known.get(draft.key)
        if body_hash is None:
            fresh.append(draft)
        else:
            work.outcomes[draft.row].duplicates += 1
            work.outcomes[draft.row].conflicts += body_hash != draft.body_hash
    work.drafts = fresh
