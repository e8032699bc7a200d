"""The exact bytes of a ledger entry: RFC 8785 canonical JSON, written once and never again. Pure.

Whoever holds an export recomputes these bytes' SHA-256 with any tool, so nothing here may change for entries that
exist: a new field or another spelling is a new `v`. The public part names no one: `subject` and `private` are
commitments whose keys the product can destroy without touching a byte of the entry.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rfc8785

from consent.decisions import Assurance, Operation

VERSION = 1


@dataclass(frozen=True, slots=True)
class PurposeTerms:
    """What was agreed to or refused: a purpose in its live version, its basis, and how long a grant holds."""

    key: str
    version: int
    legal_basis: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class NoticeShown:
    key: str
    version: int
    sha256: str
    language: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who made the entry: an app's key, a person who works here, the person it is about, or the system."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class PublicPart:
    subject: bytes
    operation: Operation
    purposes: tuple[PurposeTerms, ...]
    notice: NoticeShown | None
    channel: str
    method: str
    occurred_at: datetime
    received_at: datetime
    actor: Actor
    source: str
    assurance: Assurance
    private: bytes
    supersedes: bytes | None = None


def encode(part: PublicPart) -> bytes:
    encoded: bytes = rfc8785.dumps(_document(part))
    return encoded


def digest(encoded: bytes) -> bytes:
    return hashlib.sha256(encoded).digest()


def commit(nonce: bytes, payload: bytes) -> bytes:
    """SHA-256(nonce ‖ payload): binds to the payload and, once the nonce is gone, tells nothing of it."""
    return hashlib.sha256(nonce + payload).digest()


def encode_private(fields: Mapping[str, Any]) -> bytes:
    """Encode the private part. Not canonical: RFC 8785 knows no integer beyond 2**53, and senders do."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def instant(moment: datetime) -> str:
    """Spell a moment the one way an entry spells it: UTC, microseconds, Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _document(part: PublicPart) -> dict[str, Any]:
    return {
        "v": VERSION,
        "subject": part.subject.hex(),
        "operation": str(part.operation),
        "purposes": [_purpose(purpose) for purpose in part.purposes],
        "notice": _notice(part.notice),
        "channel": part.channel,
        "method": part.method,
        "occurred_at": instant(part.occurred_at),
        "received_at": instant(part.received_at),
        "actor": {"kind": part.actor.kind, "id": part.actor.id},
        "source": part.source,
        "assurance": str(part.assurance),
        "supersedes": part.supersedes.hex() if part.supersedes else None,
        "private": part.private.hex(),
    }


def _purpose(purpose: PurposeTerms) -> dict[str, Any]:
    return {
        "key": purpose.key,
        "version": purpose.version,
        "legal_basis": purpose.legal_basis,
        "until": instant(purpose.until) if purpose.until else None,
    }


def _notice(notice: NoticeShown | None) -> dict[str, Any] | None:
    if notice is None:
        return None
    return {"id": notice.key, "version": notice.version, "sha256": notice.sha256, "language": notice.language}
