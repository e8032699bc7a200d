"""Where this app keeps personal data. Events, traits and rejected events hold whatever their senders put into them."""

from cdp.personal_data import Declaration, Personal
from profiles import models

_CONTENT, _HASH, _IDENTIFIER, _REFERENCE = Personal.CONTENT, Personal.HASH, Personal.IDENTIFIER, Personal.REFERENCE

PERSONAL_DATA: Declaration = {
    models.Card: {"profile_id": _REFERENCE, "body": _CONTENT},
    models.DataExport: {"created_by": Personal.STAFF},
    models.Due: {"profile_id": _REFERENCE, "due_at": _CONTENT},
    models.Event: {
        "origin_id": _REFERENCE,
        "event_id": _REFERENCE,
        "message_id": _CONTENT,
        "name": _CONTENT,
        "ts": _CONTENT,
        "amount": _CONTENT,
        "properties": _CONTENT,
        "context": _CONTENT,
    },
    models.EventDefinition: {},
    models.EventKey: {
        "key": _HASH,
        "event_id": _REFERENCE,
        "origin_id": _REFERENCE,
        "ts": _CONTENT,
        "body_hash": _HASH,
    },
    models.HeavyPerson: {"profile_id": _REFERENCE},
    models.Identifier: {"hash": _HASH, "value": _IDENTIFIER, "origin_id": _REFERENCE, "event_id": _REFERENCE},
    # A report says of a value what kind it is, and never the value; a row number leads to it in the sender's own file.
    models.ImportFault: {},
    models.ImportJob: {"created_by": Personal.STAFF},
    models.ImportRequest: {},
    models.InboxRow: {"body": _CONTENT, "ip": _IDENTIFIER, "gpc": _CONTENT},
    models.Lane: {},
    models.Link: {"origin_id": _REFERENCE, "root_id": _REFERENCE, "event_id": _REFERENCE, "decided_by": Personal.STAFF},
    models.Merge: {
        "winner_id": _REFERENCE,
        "loser_id": _REFERENCE,
        "event_id": _REFERENCE,
        "decided_by": Personal.STAFF,
    },
    models.Origin: {
        "id": _REFERENCE,
        "root_id": _REFERENCE,
        "event_count": _CONTENT,
        "first_seen_at": _CONTENT,
        "last_seen_at": _CONTENT,
    },
    models.ParkedTouch: {"profile_id": _REFERENCE, "keys": _CONTENT},
    models.Profile: {
        "id": _REFERENCE,
        "merged_into": _REFERENCE,
        "traits": _CONTENT,
        "event_count": _CONTENT,
        "first_seen_at": _CONTENT,
        "last_seen_at": _CONTENT,
    },
    models.PropertyDefinition: {},
    models.RejectedEvent: {"message_id": _CONTENT, "reason": _CONTENT, "payload": _CONTENT},
    models.Sighting: {
        "origin_id": _REFERENCE,
        "with_origin_id": _REFERENCE,
        "seen_at": _CONTENT,
        "event_id": _REFERENCE,
    },
    models.Source: {},
    models.Touched: {"profile_id": _REFERENCE, "keys": _CONTENT},
    models.Trait: {"profile_id": _REFERENCE, "name": _CONTENT, "value": _CONTENT, "event_id": _REFERENCE},
    models.TraitDefinition: {},
    models.TraitValue: {"origin_id": _REFERENCE, "name": _CONTENT, "value": _CONTENT, "event_id": _REFERENCE},
}
