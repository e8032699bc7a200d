"""Where this app keeps personal data. A version's evidence names a few of the people whom its approval would move."""

from cdp.personal_data import Declaration, Personal
from segments import models

_CONTENT, _REFERENCE, _STAFF = Personal.CONTENT, Personal.REFERENCE, Personal.STAFF

PERSONAL_DATA: Declaration = {
    models.Delivery: {
        "profile_id": _REFERENCE,
        "segment": _CONTENT,
        "told": _CONTENT,
        "tag": _CONTENT,
        "membership_id": _REFERENCE,
    },
    models.DeliveryAttempt: {"profile_id": _REFERENCE, "consent_entry_id": _REFERENCE},
    models.DeliveryCount: {},
    models.DeliveryLane: {},
    models.DeliveryResult: {},
    models.Destination: {"owner": _STAFF},
    models.DestinationDecision: {"decided_by": _STAFF, "author_ids": _STAFF},
    models.DestinationSecret: {"created_by": _STAFF, "revoked_by": _STAFF},
    models.DestinationSwitch: {"by": _STAFF},
    models.DestinationVersion: {"author_ids": _STAFF, "created_by": _STAFF, "submitted_by": _STAFF},
    models.Funnel: {"created_by": _STAFF},
    models.ListEntry: {"hash": Personal.HASH},
    models.ListVersion: {"uploaded_by": _STAFF},
    models.Membership: {
        "profile_id": _REFERENCE,
        "segment": _CONTENT,
        "entered_at": _CONTENT,
        "left_at": _CONTENT,
        "evidence": _CONTENT,
        "evidence_left": _CONTENT,
    },
    models.Outbox: {
        "profile_id": _REFERENCE,
        "segment_id": _CONTENT,
        "change": _CONTENT,
        "membership_id": _REFERENCE,
        "tag": _CONTENT,
    },
    models.RuleCost: {},
    models.RuleEpoch: {"after_id": _REFERENCE, "cancelled_by": _STAFF},
    models.Segment: {"owner": _STAFF},
    models.SegmentDay: {},
    models.SegmentDecision: {"decided_by": _STAFF, "author_ids": _STAFF},
    models.Shadow: {},
    models.ShadowCount: {"only_live_sample": _REFERENCE, "only_shadow_sample": _REFERENCE},
    models.Tagging: {
        "profile_id": _REFERENCE,
        "tag": _CONTENT,
        "segment": _CONTENT,
        "given_at": _CONTENT,
        "withdrawn_at": _CONTENT,
    },
    models.SegmentVersion: {
        "evidence": _REFERENCE,
        "author_ids": _STAFF,
        "created_by": _STAFF,
        "submitted_by": _STAFF,
    },
    models.ThresholdDecision: {"decided_by": _STAFF, "author_ids": _STAFF},
    models.ThresholdSnapshot: {},
    models.UploadedList: {"created_by": _STAFF},
}
