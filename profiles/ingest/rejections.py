"""Events that were refused: recorded one by one with the reason, found again, and sent once more after a fix."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet
from django.db.models.functions import Now

from cdp import access
from cdp.access import Actor
from cdp.models import User
from profiles.ingest import inbox
from profiles.ingest.bodies import BATCH, BodyRefused, open_body
from profiles.ingest.dialects import CLIENT
from profiles.ingest.inbox import Sender
from profiles.ingest.incoming import Rejected
from profiles.ingest.singled import StoredRequest
from profiles.models import InboxRow, RejectedEvent, Source
from profiles.models.source import SourceKind

MOST_REPLAYED = 10_000
_AT_ONCE = 1_000


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
        event=event.event,
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


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many events went through again, and how many of the same kind are left."""

    events: int
    left: int


def replay_all(*, source: Source, code: str, event: str | None, by: User, now: datetime) -> Replayed:
    """Put what one source sent and one reason refused into the inbox once more, of one event or of all.

    A transaction per thousand, the oldest first; at most `MOST_REPLAYED` at a time, which the caller is told.
    """
    wanted = RejectedEvent.objects.filter(source=source, code=code, replayed_at__isnull=True, inbox_id__isnull=False)
    if event is not None:
        wanted = wanted.filter(event=event)
    sent, after = 0, 0
    while sent < MOST_REPLAYED:
        with transaction.atomic():
            rows = wanted.filter(id__gt=after).select_for_update(of=("self",)).select_related("source").order_by("id")
            batch = list(rows[:_AT_ONCE])
            if not batch:
                break
            after = batch[-1].pk
            replayable = [row for row in batch if _is_whole(bytes(row.payload))]
            senders = _senders(replayable)
            for row in replayable:
                _accept(row, senders[row.pk])
            RejectedEvent.objects.filter(pk__in=[row.pk for row in replayable]).update(replayed_at=now)
            basis = {"source": source.key, "code": code, "event": event, "events": len(replayable)}
            _note(by=by, now=now, basis=basis)
        sent += len(replayable)
    return Replayed(sent, wanted.filter(id__gt=after).count())


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
    _accept(row, _senders([row])[row.pk])
    row.replayed_at = now
    row.save(update_fields=["replayed_at"])
    _note(by=by, now=now, basis={"rejected_event": row.pk})


def _is_whole(body: bytes) -> bool:
    try:
        return bool(open_body(body, route=BATCH).events) if body else False
    except BodyRefused:
        return False


def _accept(row: RejectedEvent, sender: Sender) -> None:
    body = bytes(row.payload)
    inbox.accept(sender=sender, route=BATCH, body=body, event_count=1, received_at=row.received_at)


def _note(*, by: User, now: datetime, basis: Mapping[str, Any]) -> None:
    access.record(
        actor=Actor.person(by),
        action="rejected_event.replay",
        profile_ids=(),
        purpose="",
        fields=(),
        now=now,
        basis=basis,
    )


def _senders(rows: Iterable[RejectedEvent]) -> dict[int, Sender]:
    """Say for each refused event who sent it, by its request as long as that is kept."""
    asked = list(rows)
    kept = InboxRow.objects.filter(id__in={row.inbox_id for row in asked}).defer("body")
    requests = {request.id: request for request in kept}
    return {row.pk: _sender(row, requests.get(row.inbox_id or 0)) for row in asked}


def _sender(row: RejectedEvent, sent: InboxRow | None) -> Sender:
    if sent is None:
        return Sender(source=row.source.key, kind=SourceKind(row.source.kind))
    kind = SourceKind.BROWSER if sent.assurance == CLIENT else SourceKind.SERVER
    return Sender(source=row.source.key, kind=kind, key_id=sent.key_id, gpc=sent.gpc, ip=sent.ip)
