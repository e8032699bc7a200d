"""Destinations as governed objects: what approval asks for, what it would mean, and what it sets in motion."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from cdp.governance.errors import ContentInvalid
from cdp.governance.governed import Governed
from cdp.governance.models import DecisionKind
from cdp.problems import FieldError
from consent.audiences import export_gate
from consent.catalogue import live_purposes
from segments import doorbell
from segments.delivery import issuing, switching
from segments.delivery.content import Terms, read
from segments.models import Destination, DestinationDecision, DestinationVersion, Segment


def check_content(content: Any, /) -> None:
    """Raises ContentInvalid unless the content can be sent by: an address, a live purpose, segments that exist."""
    terms = read(content)
    if terms.purpose not in live_purposes():
        raise _invalid("purpose", f"There is no live purpose “{terms.purpose}”: consent could not be asked for it.")
    known = set(Segment.objects.filter(key__in=terms.segments).values_list("key", flat=True))
    for at, key in enumerate(terms.segments):
        if key not in known:
            raise _invalid(f"segments[{at}]", f"There is no segment “{key}”.")


def freeze_evidence(version: Any, /, *, now: datetime) -> Mapping[str, Any]:
    """How many people are in the segments now, and of how many the purpose allows to tell."""
    terms = read(version.content)
    return {"as_of": now.isoformat(), "purpose": terms.purpose, "segments": _sizes(terms, now=now)}


def go_live(version: Any, /, *, now: datetime) -> None:
    """Open the destination's lane. Raises ContentInvalid where there is nothing to sign with."""
    destination = version.head
    if not issuing.has_live(destination):
        raise _invalid("secret", "Issue a signing secret first: nothing leaves without a signature.")
    switching.prepare(destination=destination, now=now)
    approval = version.decisions.filter(decision=DecisionKind.APPROVE).latest("pk")
    switching.approved_anew(destination=destination, by=approval.decided_by, now=now)
    transaction.on_commit(doorbell.ring_delivery, robust=True)


def go_away(head: Any, /, *, now: datetime) -> None:
    """Tell the receiver nothing more, not even what waits."""
    switching.cancel_waiting(destination_id=head.pk, now=now)


def _sizes(terms: Terms, *, now: datetime) -> list[dict[str, Any]]:
    permission = export_gate(purpose=terms.purpose, now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT s.key, count(p.id), count(p.id) FILTER (WHERE {permission.sql})"
            " FROM segment s LEFT JOIN membership m ON m.segment_id = s.id AND m.left_at IS NULL"
            " LEFT JOIN profile p ON p.id = m.profile_id WHERE s.key = ANY (%(keys)s::text[])"
            " GROUP BY s.key ORDER BY s.key",
            {**permission.parameters, "keys": list(terms.segments)},
        )
        return [{"segment": key, "members": members, "allowed": allowed} for key, members, allowed in cursor.fetchall()]


def _invalid(field: str, message: str) -> ContentInvalid:
    return ContentInvalid(f"{field}: {message}", errors=(FieldError(field, message),))


DESTINATIONS = Governed(
    head=Destination,
    version=DestinationVersion,
    decision=DestinationDecision,
    validate=check_content,
    on_submit=freeze_evidence,
    on_live=go_live,
    on_retired=go_away,
)
