"""Keys of subjects, and the private part of an entry: committed to in public, encrypted here, shredded with its key.

Per subject there is one random evidence key, wrapped under a key that HKDF derives from the root secret outside the
database. From it come the key of the private parts and the nonce of the subject's own commitment, so deleting one row
cuts the entries loose from the person and leaves every byte of them as it was.
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from django.db import connection

from cdp.pseudonyms import derived_key
from consent import canonical
from consent.models import EntryPrivate, SubjectKey

_KEY_BYTES = 32
_NONCE_BYTES = 12
_COMMITMENT_NONCE_BYTES = 32


class Shredded(Exception):
    """The subject's key is gone, and with it the private part."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject's derived keys, for the length of one transaction."""

    origin_id: int
    commitment: bytes
    private_key: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    commitment: bytes
    nonce: bytes
    ciphertext: bytes


def lock(origin_ids: Iterable[int], *, now: datetime) -> dict[int, Subject]:
    """Lock the subjects' key rows, in order, making those that are missing; return their keys."""
    wanted = sorted(set(origin_ids))
    with connection.cursor() as cursor:
        cursor.execute("SELECT origin_id FROM consent_subject_key WHERE origin_id = ANY(%s)", [wanted])
        known = {origin_id for (origin_id,) in cursor.fetchall()}
        missing = [origin_id for origin_id in wanted if origin_id not in known]
        if missing:
            cursor.execute(
                "INSERT INTO consent_subject_key (origin_id, wrapped, created_at)"
                " SELECT * FROM unnest(%s::bigint[], %s::bytea[], array_fill(%s::timestamptz, ARRAY[%s]))"
                " ON CONFLICT DO NOTHING",
                [
                    missing,
                    [_wrap(secrets.token_bytes(_KEY_BYTES), origin_id) for origin_id in missing],
                    now,
                    len(missing),
                ],
            )
        cursor.execute(
            "SELECT origin_id, wrapped FROM consent_subject_key WHERE origin_id = ANY(%s)"
            " ORDER BY origin_id FOR NO KEY UPDATE",
            [wanted],
        )
        return {origin_id: _subject(origin_id, bytes(wrapped)) for origin_id, wrapped in cursor.fetchall()}


def seal(subject: Subject, fields: Mapping[str, Any]) -> Sealed:
    """Commit to the private fields and encrypt them together with the commitment's nonce."""
    payload = canonical.encode_private(fields)
    commitment_nonce = secrets.token_bytes(_COMMITMENT_NONCE_BYTES)
    commitment = canonical.commit(commitment_nonce, payload)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    ciphertext = AESGCM(subject.private_key).encrypt(nonce, commitment_nonce + payload, commitment)
    return Sealed(commitment=commitment, nonce=nonce, ciphertext=ciphertext)


def open_private(*, entry_id: int, commitment: bytes) -> dict[str, Any]:
    """Return the private part of an entry, checked against its commitment. Raises Shredded."""
    private = EntryPrivate.objects.filter(entry_id=entry_id).first()
    key = SubjectKey.objects.filter(origin_id=private.origin_id).first() if private else None
    if private is None or key is None:
        raise Shredded("The private part of this entry was destroyed.")
    subject = _subject(private.origin_id, bytes(key.wrapped))
    opened = AESGCM(subject.private_key).decrypt(bytes(private.nonce), bytes(private.ciphertext), commitment)
    nonce, payload = opened[:_COMMITMENT_NONCE_BYTES], opened[_COMMITMENT_NONCE_BYTES:]
    if canonical.commit(nonce, payload) != commitment:
        raise Shredded("The private part does not match the entry's commitment.")
    opened_fields: dict[str, Any] = json.loads(payload)
    return opened_fields


def _subject(origin_id: int, wrapped: bytes) -> Subject:
    key = _unwrap(wrapped, origin_id)
    nonce = _derive(key, b"cdp consent subject")
    return Subject(
        origin_id=origin_id,
        commitment=canonical.commit(nonce, b"subject" + origin_id.to_bytes(8, "big")),
        private_key=_derive(key, b"cdp consent private"),
    )


def _derive(key: bytes, info: bytes) -> bytes:
    return HKDFExpand(algorithm=SHA256(), length=_KEY_BYTES, info=info).derive(key)


def _wrap(key: bytes, origin_id: int) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _wrapper().encrypt(nonce, key, origin_id.to_bytes(8, "big"))


def _unwrap(wrapped: bytes, origin_id: int) -> bytes:
    return _wrapper().decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], origin_id.to_bytes(8, "big"))


def _wrapper() -> AESGCM:
    return AESGCM(derived_key("consent evidence keys 1"))
