"""Events on their way: what a claim's rows hold, decoded, each message id once, with the names each event goes by."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.json import Encoder

from profiles.identity.canonical import canonical
from profiles.identity.resolve import Name
from profiles.ingest import dialects
from profiles.ingest.gates import Verdict
from profiles.ingest.incoming import IncomingEvent, Kind, Rejected
from profiles.ingest.leases import LeasedRow, Outcome
from profiles.models import IdentifierType, LinkReason

_USER, _DEVICE, _EMAIL = IdentifierType.USER_ID.value, IdentifierType.ANONYMOUS_ID.value, IdentifierType.EMAIL.value
_TOGETHER, _SAME_EMAIL, _ALIAS = LinkReason.SEEN_TOGETHER.value, LinkReason.SAME_EMAIL.value, LinkReason.ALIAS.value
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
    origin_id: int = 0
    profile_id: int = 0
    gap: bool = False
    refused: Verdict | None = None  # by a screen; what that means for `names` is told in `verdicts`


class Work(Struct):
    """A claim being worked on."""

    rows: Sequence[LeasedRow]
    outcomes: list[Outcome]
    drafts: list[Draft]
    rejected: dict[int, list[Rejected]]


def decode(rows: Sequence[LeasedRow]) -> Work:
    """Decode every row; the first event of a message id stands, in the order in which requests came in."""
    work = Work(rows, [Outcome() for _ in rows], [], defaultdict(list))
    seen: dict[bytes, bytes] = {}
    for index, row in enumerate(rows):
        prefix = b"%d\x1f" % row.source_id
        outcome = work.outcomes[index]
        for event in dialects.events(row):
            if isinstance(event, Rejected):
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


def _draft(index: int, event: IncomingEvent, prefix: bytes) -> Draft:
    key = hashlib.sha256(prefix + event.message_id.encode()).digest()[:16]
    properties = _json(event.properties)
    told = f"{event.name}\x1f{event.user_id}\x1f{event.anonymous_id}\x1f{event.original_at}\x1f".encode()
    body_hash = hashlib.blake2b(told + properties, digest_size=8).digest()
    # The event's id is a function of its message id: ties broken by it come out the same in whatever order, and
    # however often, events arrive.
    event_id = int.from_bytes(key[:8], "big") >> 1
    return Draft(index, event, key, body_hash, event_id, properties.decode(), names_of(event), event.ts.isoformat())


def names_of(event: IncomingEvent) -> tuple[Name, ...]:
    """Return the names an event goes by, whose event it is first."""
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


def pairs(draft: Draft) -> Iterable[tuple[Name, Name, str]]:
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
