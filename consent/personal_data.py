"""Where this app keeps personal data. An entry's public bytes name its subject by a pseudonym and nothing else."""

from cdp.personal_data import Declaration, Personal
from consent import models

_CONTENT, _HASH, _REFERENCE, _SEALED = Personal.CONTENT, Personal.HASH, Personal.REFERENCE, Personal.SEALED
_DECISION = {"decided_by": Personal.STAFF, "author_ids": Personal.STAFF}
_HEAD = {"owner": Personal.STAFF}
_VERSION = {"author_ids": Personal.STAFF, "created_by": Personal.STAFF, "submitted_by": Personal.STAFF}

PERSONAL_DATA: Declaration = {
    models.ConsentState: {
        "profile_id": _REFERENCE,
        "purpose": _CONTENT,
        "operation": _CONTENT,
        "granted": _CONTENT,
        "since": _CONTENT,
        "until": _CONTENT,
        "entry_id": _REFERENCE,
        "assured_operation": _CONTENT,
        "assured_granted": _CONTENT,
        "assured_since": _CONTENT,
        "assured_until": _CONTENT,
        "assured_entry_id": _REFERENCE,
    },
    models.DevicePreference: {
        "origin_id": _REFERENCE,
        "device": _HASH,
        "purpose": _CONTENT,
        "granted_at": _CONTENT,
        "denied_at": _CONTENT,
        "since": _CONTENT,
        "entry_hash": _REFERENCE,
    },
    models.Entry: {
        "bytes": _CONTENT,
        "hash": _HASH,
        "origin_id": _REFERENCE,
        "operation": _CONTENT,
        "purposes": _CONTENT,
        "untils": _CONTENT,
        "occurred_at": _CONTENT,
        "received_at": _CONTENT,
        "supersedes": _REFERENCE,
        "once": _HASH,
    },
    models.EntryPrivate: {"entry_id": _REFERENCE, "origin_id": _REFERENCE, "nonce": _SEALED, "ciphertext": _SEALED},
    models.Notice: _HEAD,
    models.NoticeDecision: _DECISION,
    models.NoticeVersion: _VERSION,
    models.Purpose: _HEAD,
    models.PurposeDecision: _DECISION,
    models.PurposeVersion: _VERSION,
    models.SubjectKey: {"origin_id": _REFERENCE, "wrapped": _SEALED},
}
