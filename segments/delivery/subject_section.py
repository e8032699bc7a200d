"""Which recipients were told what about a person: for their page and their access package."""

from datetime import datetime

from consent.ledger import public_id
from profiles.models import Origin
from profiles.subject import Section
from segments.delivery.messages import TYPES
from segments.models import AttemptKind, DeliveryAttempt

_SHOWN = 100


def told(profile_id: int, now: datetime, /) -> Section:
    """The latest sendings about a person, under every profile they were; withheld ones told nobody anything."""
    origins = list(Origin.objects.filter(root_id=profile_id).values_list("id", flat=True))
    sent = (
        DeliveryAttempt.objects.filter(profile_id__in=origins, kind=AttemptKind.SENT)
        .select_related("destination", "delivery__segment", "result")
        .order_by("-id")[:_SHOWN]
    )
    return Section(
        key="deliveries",
        title="Told to others",
        rows=tuple(_row(attempt) for attempt in sent),
        empty="No destination was told anything about this person.",
        template="segments/delivery/subject.html",
    )


def _row(attempt: DeliveryAttempt) -> dict[str, object]:
    result, delivery = getattr(attempt, "result", None), attempt.delivery
    return {
        "recipient": attempt.destination.name,
        "type": TYPES[delivery.told],
        "about": delivery.tag or delivery.segment.name,
        "at": attempt.at,
        "outcome": result.outcome if result else "under way",
        "purpose": attempt.purpose,
        "basis": attempt.basis,
        "consent_entry": public_id(attempt.consent_entry_id) if attempt.consent_entry_id is not None else None,
    }
