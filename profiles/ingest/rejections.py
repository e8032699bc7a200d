"""Events that were refused: recorded one by one with the reason, found again, and sent once more after a fix."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Count, QuerySet
from django.db.models.functions import Now

from cdp import access
from cdp.access import Actor
from cdp.models import User
from profiles.ingest import inbox
from profiles.ingest.bodies import BATCH, BodyRefused, open_body
from profiles.ingest.dialects import CLIENT, StoredRequest
from profiles.ingest.inbox import Sender
from profiles.ingest.incoming import Rejected
from profiles.models import InboxRow, RejectedEvent
from profiles.models.source import SourceKind


class NotReplayable(Exception):
    """The event was replayed before, or is not kept whole."""

    code = "not_replayable"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def record(*, source_id: int, row: StoredRequest, rejected: Iterable[Rejected]) -> None:
    """Record the refused events of one inbox row, in the transaction of the claim that refuses them."""
    RejectedEvent.objects.bulk_create(
        _recorded(event, received_at=row.received_at, source_id=source_id, inbox_id=row.id) for event in rejected
    )


def record_unreadable(*, sender: Sender, rejected: Iterable[Rejected]) -> None:
    """Record lines of a file that never became events; they belong to no request, and count as none."""
    source = inbox.source(sender)
    RejectedEvent.objects.bulk_create(
        _recorded(line, received_at=Now(), source_id=source.pk, inbox_id=None) for line in rejected
    )


def _recorded(event: Rejected, *, received_at: datetime | Now, source_id: int, inbox_id: int | None) -> RejectedEvent:
    return RejectedEvent(
        received_at=received_at,
        source_id=source_id,
        inbox_id=inbox_id,
        position=event.position,
        message_id=event.message_id,
        code=event.code,
        field=event.field,
        reason=event.reason,
        payload=event.payload,
    )


def listed(
    *, source: str | None = None, code: str | None = None, since: datetime | None = None
) -> QuerySet[RejectedEvent]:
    """Return refused events, newest first."""
    wanted = {"source__key": source, "code": code, "received_at__gte": since}
    return (
        RejectedEvent.objects.filter(**{name: value for name, value in wanted.items() if value is not None})
        .select_related("source")
        .order_by("-received_at", "-id")
    )


def counts(*, since: datetime | None = None) -> Mapping[str, int]:
    """Return how many events were refused for each reason."""
    found = listed(since=since).order_by().values_list("code").annotate(count=Count("id"))
    return dict(found)


@transaction.atomic
def replay(*, rejected: RejectedEvent, by: User, now: datetime) -> None:
    """Put a refused event into the inbox once more, as received when it first was. Raises NotReplayable.

    With its own time of receipt the skew correction comes out as it would have then: a fix does not move the event.
    """
    row = RejectedEvent.objects.select_for_update(of=("self",)).select_related("source").get(pk=rejected.pk)
    if row.replayed_at is not None:
        raise NotReplayable("This event was replayed already.")
    if row.inbox_id is None:
        raise NotReplayable("This is a line of a file: mend the file and import it again.")
    body = bytes(row.payload)
    if not body:
        raise NotReplayable("This event was not kept, because it might not be collected: it has to be sent again.")
    try:
        open_body(body, route=BATCH)
    except BodyRefused:
        raise NotReplayable("This event is not kept whole: it was larger than an event may be.") from None
    inbox.accept(sender=_sender(row), route=BATCH, body=body, event_count=1, received_at=row.received_at)
    row.replayed_at = now
    row.save(update_fields=["replayed_at"])
    access.record(
        actor=Actor.person(by),
        action="rejected_event.replay",
        profile_ids=(),
        purpose="",
        fields=(),
        now=now,
        basis={"rejected_event": row.pk},
    )


def _sender(row: RejectedEvent) -> Sender:
    sent = InboxRow.objects.filter(id=row.inbox_id or 0).first()
    if sent is None:
        return Sender(source=row.source.key, kind=SourceKind(row.source.kind))
    kind = SourceKind.BROWSER if sent.assurance == CLIENT else SourceKind.SERVER
    return Sender(source=row.source.key, kind=kind, key_id=sent.key_id, gpc=sent.gpc, ip=sent.ip)
