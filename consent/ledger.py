"""The ledger's verbs: grant, deny, withdraw. What they write is final: entries are appended, never edited."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction

from cdp.copying import copy_rows
from cdp.ids import to_public
from consent import canonical, catalogue, evidence, projection
from consent.canonical import Actor, NoticeShown, PurposeTerms
from consent.decisions import Assurance, Operation
from consent.models import Channel, Entry
from consent.section import ENTRY_PREFIX
from consent.terms import Terms, Wording

#: A clock that runs ahead by less than this is taken for now; by more, the statement is refused.
_TOLERATED_LEAD = timedelta(minutes=5)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class LedgerError(Exception):
    """A statement that cannot be recorded. `field` names what is wrong with it."""

    code = "consent_refused"
    field = ""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UnknownPurpose(LedgerError):
    code = "unknown_purpose"
    field = "purposes"


class UnknownNotice(LedgerError):
    code = "unknown_notice"
    field = "notice"


class ImpossibleTime(LedgerError):
    code = "impossible_time"
    field = "occurred_at"


class AnotherRequest(LedgerError):
    """The idempotency key was used before, for something else."""

    code = "idempotency_key_reused"
    field = "idempotency_key"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person decided, as it was told. `notice` is its key; without a version the live one was shown."""

    origin_id: int
    purposes: tuple[str, ...]
    occurred_at: datetime
    method: str
    notice: str = ""
    notice_version: int | None = None
    private: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Teller:
    """Who told it, on which way, and how far that can be believed."""

    channel: Channel
    source: str
    assurance: Assurance
    actor: Actor


@dataclass(frozen=True, slots=True)
class NewEntry:
    """Everything an entry is made of, before it has its bytes."""

    origin_id: int
    operation: Operation
    purposes: tuple[PurposeTerms, ...]
    notice: NoticeShown | None
    method: str
    occurred_at: datetime
    received_at: datetime
    teller: Teller
    private: Mapping[str, Any]
    supersedes: bytes | None = None
    once: bytes | None = None


@dataclass(frozen=True, slots=True)
class Written:
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the teller keeps: enough to find the entry, and to check it against an export."""

    seq: int
    hash: bytes
    encoded: bytes
    profile_id: int
    is_repeat: bool

    @property
    def id(self) -> str:
        return public_id(self.seq)


def public_id(seq: int) -> str:
    return to_public(seq, prefix=ENTRY_PREFIX)


def grant(*, statement: Statement, told_by: Teller, now: datetime, idempotency_key: str = "") -> Receipt:
    """Record that a person agreed. Raises UnknownPurpose unless every purpose is live, and what `_record` raises."""
    return _record(Operation.GRANT, statement, told_by, now=now, idempotency_key=idempotency_key)


def deny(*, statement: Statement, told_by: Teller, now: datetime, idempotency_key: str = "") -> Receipt:
    """Record that a person was asked and said no. A purpose that is retired can still be refused."""
    return _record(Operation.DENY, statement, told_by, now=now, idempotency_key=idempotency_key)


def withdraw(*, statement: Statement, told_by: Teller, now: datetime, idempotency_key: str = "") -> Receipt:
    """Record that a person takes a consent back. As easy as giving it: nothing has to be live for it."""
    return _record(Operation.WITHDRAW, statement, told_by, now=now, idempotency_key=idempotency_key)


@transaction.atomic
def _record(
    operation: Operation, statement: Statement, told_by: Teller, *, now: datetime, idempotency_key: str
) -> Receipt:
    """Append one entry and bring state, card and lanes up to date. Raises LedgerError."""
    occurred_at = _possible(statement.occurred_at, now)
    terms = _terms(statement.purposes, must_be_live=operation is Operation.GRANT)
    notice = _notice(statement, terms)
    once = _once(told_by.source, idempotency_key) if idempotency_key else None
    subjects, roots = projection.lock_people([statement.origin_id], now=now)
    root = roots[statement.origin_id]
    if once is not None and (known := Entry.objects.filter(once=once).first()):
        return _repeat(known, operation, statement, root)
    entry = NewEntry(
        origin_id=statement.origin_id,
        operation=operation,
        purposes=tuple(agreed(terms[key], operation, occurred_at) for key in sorted(set(statement.purposes))),
        notice=notice,
        method=statement.method,
        occurred_at=occurred_at,
        received_at=now,
        teller=told_by,
        private=statement.private,
        once=once,
    )
    try:
        (written,) = append([entry], subjects=subjects)
    except IntegrityError as error:  # two subjects, one key, at the same moment
        raise AnotherRequest("This idempotency key belongs to another request.") from error
    told = {statement.origin_id: root}
    projection.refresh(profile_ids=[root], purposes=statement.purposes, now=now, told=told)
    encoded = bytes(Entry.objects.values_list("bytes", flat=True).get(seq=written.seq))
    return Receipt(written.seq, written.hash, encoded, root, is_repeat=False)


def append(entries: Sequence[NewEntry], *, subjects: Mapping[int, evidence.Subject]) -> list[Written]:
    """Append entries of locked subjects with one COPY per table. The caller refreshes who they concern."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('consent_entry_seq_seq') FROM generate_series(1, %s)", [len(entries)])
        numbers = [seq for (seq,) in cursor.fetchall()]
        rows, private, written = [], [], []
        for seq, entry in zip(numbers, entries, strict=True):
            subject = subjects[entry.origin_id]
            sealed = evidence.seal(subject, entry.private)
            encoded = canonical.encode(_public_part(entry, subject, sealed))
            written.append(Written(seq, canonical.digest(encoded)))
            rows.append(_row(written[-1], encoded, entry))
            private.append((seq, entry.origin_id, sealed.nonce, sealed.ciphertext))
        copy_rows(cursor, "consent_entry", _ENTRY_COLUMNS, rows)
        copy_rows(cursor, "consent_entry_private", ("entry_id", "origin_id", "nonce", "ciphertext"), private)
    return written


def agreed(terms: Terms, operation: Operation, occurred_at: datetime) -> PurposeTerms:
    """Fix the terms that an entry is made under: how long a grant holds does not change with a later version."""
    expires = operation is Operation.GRANT and terms.expires_after is not None
    until = occurred_at + terms.expires_after if expires and terms.expires_after else None
    return PurposeTerms(terms.key, terms.version, str(terms.legal_basis), until)


def shown(wording: Wording | None) -> NoticeShown | None:
    return NoticeShown(wording.key, wording.version, wording.sha256, wording.language) if wording else None


_ENTRY_COLUMNS = (
    "seq", "hash", "bytes", "origin_id", "operation", "purposes", "untils", "occurred_at", "received_at", "source",
    "channel", "assurance", "notice_key", "notice_version", "supersedes", "once",
)  # fmt: skip


def _row(written: Written, encoded: bytes, entry: NewEntry) -> tuple[object, ...]:
    notice = entry.notice
    return (
        written.seq,
        written.hash,
        encoded,
        entry.origin_id,
        entry.operation,
        _array([purpose.key for purpose in entry.purposes]),
        _array([purpose.until.isoformat() if purpose.until else None for purpose in entry.purposes]),
        entry.occurred_at,
        entry.received_at,
        entry.teller.source,
        entry.teller.channel.value,
        entry.teller.assurance,
        notice.key if notice else None,
        notice.version if notice else None,
        entry.supersedes,
        entry.once,
    )


def _array(values: Sequence[str | None]) -> str:
    # Keys and instants: nothing in them needs an escape.
    return "{" + ",".join("NULL" if value is None else f'"{value}"' for value in values) + "}"


def _public_part(entry: NewEntry, subject: evidence.Subject, sealed: evidence.Sealed) -> canonical.PublicPart:
    return canonical.PublicPart(
        subject=subject.commitment,
        operation=entry.operation,
        purposes=entry.purposes,
        notice=entry.notice,
        channel=entry.teller.channel.value,
        method=entry.method,
        occurred_at=entry.occurred_at,
        received_at=entry.received_at,
        actor=entry.teller.actor,
        source=entry.teller.source,
        assurance=entry.teller.assurance,
        private=sealed.commitment,
        supersedes=entry.supersedes,
    )


def _possible(occurred_at: datetime, now: datetime) -> datetime:
    if occurred_at < _EARLIEST or occurred_at > now + _TOLERATED_LEAD:
        raise ImpossibleTime("This is not a time at which somebody can have decided: before 2000, or in the future.")
    return min(occurred_at, now)


def _terms(keys: Sequence[str], *, must_be_live: bool) -> dict[str, Terms]:
    known = catalogue.live_purposes() if must_be_live else catalogue.all_purposes()
    for key in keys:
        if key not in known:
            raise UnknownPurpose(f"There is no {'live ' if must_be_live else ''}purpose “{key}”.")
    return known


def _notice(statement: Statement, terms: Mapping[str, Terms]) -> NoticeShown | None:
    """Find the words that were shown: the ones named, or those that the purposes' own versions prescribe."""
    if statement.notice and statement.notice_version is not None:
        wording = catalogue.notice_version(statement.notice, statement.notice_version)
    elif statement.notice:
        wording = catalogue.live_notice(statement.notice)
    else:
        prescribed = {terms[key].notice for key in statement.purposes}
        return shown(catalogue.live_notice(prescribed.pop())) if len(prescribed) == 1 and "" not in prescribed else None
    if wording is None:
        raise UnknownNotice(f"There is no such version of a notice “{statement.notice}”.")
    return shown(wording)


def _once(source: str, idempotency_key: str) -> bytes:
    return hashlib.sha256(f"{source}\x1f{idempotency_key}".encode()).digest()


def _repeat(known: Entry, operation: Operation, statement: Statement, root: int) -> Receipt:
    same = known.operation == operation and set(known.purposes) == set(statement.purposes)
    if not same or projection.root_of(known.origin_id) != root:
        raise AnotherRequest("This idempotency key belongs to another request.")
    return Receipt(known.seq, bytes(known.hash), bytes(known.bytes), root, is_repeat=True)
