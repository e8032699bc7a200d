"""From a stored request to its events: Segment's, RudderStack's and Jitsu's ways of saying the same thing.

This is the one place that refuses an event. The door only opens bodies, so that door and worker cannot disagree. What
is returned depends on the stored row alone: reading it again gives the same events under the same message ids.
"""

from datetime import datetime
from typing import Any

from msgspec import DecodeError, Raw, Struct
from msgspec.json import Decoder

from profiles.ingest import clocks, faults
from profiles.ingest.bodies import BATCH, BodyRefused, OpenedBody, inflate, open_body
from profiles.ingest.clocks import TimeRefused, Times
from profiles.ingest.incoming import (
    MAX_EVENT_BYTES,
    MAX_EVENT_NAME,
    MAX_PROPERTIES,
    MAX_PROPERTY_NAME,
    MAX_SHARED_BYTES,
    EventRefused,
    IncomingEvent,
    Kind,
    Rejected,
    RejectionCode,
)
from profiles.ingest.sent_ids import check_complete, identifier, message_id
from profiles.ingest.shapes import FitEvent, SentEvent, fit_events, one_event
from profiles.ingest.singled import StoredRequest, alone

KINDS = {kind.name.lower(): kind for kind in Kind}
NAMES = {
    Kind.IDENTIFY: "$identify",
    Kind.PAGE: "Page Viewed",
    Kind.SCREEN: "Screen Viewed",
    Kind.GROUP: "$group",
    Kind.ALIAS: "$alias",
}
RESERVED_NAMES = frozenset(name for name in NAMES.values() if name.startswith("$"))
CLIENT = "client"
_NUL_ESCAPE = b"\\u0000"


class _Shared(Struct):
    """What a batch says about all of its events."""

    sent_at: datetime | None
    context: dict[str, Any]


_context_of_batch = Decoder(dict[str, Any] | None)
_anything = Decoder()


def events(row: StoredRequest) -> list[IncomingEvent | Rejected]:
    """Return every event of a stored request in its order, decoded or refused; always `row.event_count` of them."""
    try:
        opened = open_body(inflate(bytes(row.body)), route=row.route)
    except BodyRefused as refused:
        # The door has opened this body: only a nesting close to the interpreter's own limit can fail here.
        return [Rejected(position, "", refused.code, "", refused.message, b"") for position in range(row.event_count)]
    try:
        shared = _shared(opened)
    except EventRefused as refused:
        return [_rejected(row, position, opened, refused) for position in range(len(opened.events))]
    fit = _all_fit(opened)
    return [_one(row, position, opened, shared, fit) for position in range(len(opened.events))]


def _all_fit(opened: OpenedBody) -> list[FitEvent] | None:
    """Decode all events in one go, at half the price; None where one of them has to be looked at more closely."""
    plain = b"[%s]" % b",".join(opened.events)
    if _NUL_ESCAPE in plain or (len(plain) > MAX_EVENT_BYTES and max(map(_size, opened.events)) > MAX_EVENT_BYTES):
        return None
    try:
        return fit_events.decode(plain)
    except (DecodeError, ValueError, RecursionError):
        return None


def _size(plain: Raw) -> int:
    return memoryview(plain).nbytes


def _one(
    row: StoredRequest, position: int, opened: OpenedBody, shared: _Shared, fit: list[FitEvent] | None
) -> IncomingEvent | Rejected:
    try:
        if fit is not None:
            return _incoming(row, position, fit[position], shared)
        plain = bytes(opened.events[position])
        return _incoming(row, position, _decode(one_event, plain), shared, plain)
    except EventRefused as refused:
        return _rejected(row, position, opened, refused)


def _rejected(row: StoredRequest, position: int, opened: OpenedBody, refused: EventRefused) -> Rejected:
    return Rejected(
        position=position,
        message_id=faults.message_id(bytes(opened.events[position])),
        code=refused.code,
        field=refused.field,
        reason=refused.reason,
        payload=alone(row, position, opened),
    )


def _shared(opened: OpenedBody) -> _Shared:
    plain = bytes(opened.context)
    for field, said in (("context", opened.context), ("sentAt", opened.sent_at)):
        if len(bytes(said)) > MAX_SHARED_BYTES:
            reason = f"{field}, said of the whole batch, is larger than {MAX_SHARED_BYTES} bytes."
            raise EventRefused(RejectionCode.TOO_LARGE, field, reason)
    context = _decode(_context_of_batch, plain, at="context") or {}
    _check_fit(context, plain, at="context")
    return _Shared(_time(_decode(_anything, bytes(opened.sent_at), at="sentAt"), "sentAt"), context)


def _incoming(
    row: StoredRequest, position: int, event: SentEvent, shared: _Shared, plain: bytes | None = None
) -> IncomingEvent:
    """Judge an event; `plain` is how it was sent where its size, its numbers and its depth are still to be judged."""
    kind = KINDS.get((event.type or "") if row.route == BATCH else row.route)
    if kind is None:
        raise EventRefused(RejectionCode.UNKNOWN_TYPE, "type", f"type is none of {', '.join(KINDS)}.")
    # Asked for each of millions: a call that only finds that there is nothing costs more than the question.
    user_id = None if event.userId is None else identifier(event.userId, "userId")
    anonymous_id = None if event.anonymousId is None else identifier(event.anonymousId, "anonymousId")
    if user_id is None and anonymous_id is None:
        raise EventRefused(RejectionCode.MISSING_ID, "userId", "Neither userId nor anonymousId is given.")
    previous_id = None if event.previousId is None else identifier(event.previousId, "previousId")
    group_id = None if event.groupId is None else identifier(event.groupId, "groupId")
    # After the ids: that an event names nobody is what its sender has to hear first, however long it is.
    if plain is not None:
        _check_size_and_fit(event, plain)
    context = _context(row, event, shared)
    content = _content(kind, event, context)
    times = _times(row, event, shared)
    if kind is Kind.GROUP or kind is Kind.ALIAS:
        check_complete(kind, user_id, anonymous_id, previous_id, group_id)
    return IncomingEvent(
        position=position,
        message_id=message_id(event.messageId) or f"cdp-{row.id}-{position}",
        kind=kind,
        name=_event_name(event) if kind is Kind.TRACK else NAMES[kind],
        user_id=user_id,
        anonymous_id=anonymous_id,
        previous_id=previous_id,
        group_id=group_id,
        traits=content if kind is Kind.IDENTIFY else {},
        properties=content,
        context=context,
        consent=_consent(context) if "consent" in context or "consentManagement" in context else None,
        original_at=times.original_at,
        sent_at=times.sent_at,
        ts=times.ts,
        received_at=row.received_at,
        clock_flag=times.clock_flag,
    )


def _decode(decoder: Decoder[Any], plain: bytes, *, at: str = "") -> Any:
    try:
        value = decoder.decode(plain)
    except (DecodeError, ValueError, RecursionError) as error:
        raise EventRefused(*faults.explain(plain, error=error, at=at)) from None
    # Postgres keeps no NUL in text or jsonb. The backslash may itself be escaped, so this only raises the question.
    if _NUL_ESCAPE in plain and (fault := faults.first(plain, at=at)):
        raise EventRefused(*fault)
    return value


def _check_size_and_fit(event: SentEvent, plain: bytes) -> None:
    if len(plain) > MAX_EVENT_BYTES:
        raise EventRefused(RejectionCode.TOO_LARGE, "", f"The event is larger than {MAX_EVENT_BYTES} bytes.")
    for part in (event.properties, event.traits, event.context):
        if part:
            _check_fit(part, plain)


def _check_fit(part: dict[str, Any], plain: bytes, *, at: str = "") -> None:
    if faults.holds_unfit(part, 2):
        raise EventRefused(*faults.explain(plain, at=at))


# -- what -------------------------------------------------------------------------------------------------------------
def _event_name(event: SentEvent) -> str:
    name = event.event
    if not name or name.isspace():
        raise EventRefused(RejectionCode.MISSING_EVENT, "event", "A track call needs event, the name of what happened.")
    if len(name) > MAX_EVENT_NAME:
        raise EventRefused(RejectionCode.TOO_LONG, "event", f"event is longer than {MAX_EVENT_NAME} characters.")
    if name in RESERVED_NAMES:
        raise EventRefused(RejectionCode.RESERVED_NAME, "event", "event is a name kept for identify, group and alias.")
    return name


def _context(row: StoredRequest, event: SentEvent, shared: _Shared) -> dict[str, Any]:
    context = event.context or {}
    if shared.context:
        context = {**shared.context, **context}
    # A server's address says nothing about the person; a browser's does, and its SDK cannot know it.
    if row.ip and "ip" not in context and (row.assurance == CLIENT or context.get("direct") is True):
        context["ip"] = row.ip
    # Where Segment's SDKs put the group of later calls as well; a group call would otherwise not say which it was.
    if event.groupId is not None and (group_id := identifier(event.groupId, "groupId")):
        context = {**context, "groupId": group_id}
    return context


def _content(kind: Kind, event: SentEvent, context: dict[str, Any]) -> dict[str, Any]:
    if kind is Kind.IDENTIFY:
        content, field = _identify_traits(event, context), "traits"
    elif kind is Kind.GROUP:
        content, field = event.traits or {}, "traits"
    else:
        content, field = event.properties or {}, "properties"
        if kind is Kind.PAGE or kind is Kind.SCREEN:
            _name_page(event, content)
    if len(content) > MAX_PROPERTIES:
        reason = f"{field} holds {len(content)} values, at most {MAX_PROPERTIES} are kept."
        raise EventRefused(RejectionCode.TOO_MANY_PROPERTIES, field, reason)
    if content and max(map(len, content)) > MAX_PROPERTY_NAME:
        reason = f"A name in {field} is longer than {MAX_PROPERTY_NAME} characters."
        raise EventRefused(RejectionCode.TOO_LONG, field, reason)
    return content


def _identify_traits(event: SentEvent, context: dict[str, Any]) -> dict[str, Any]:
    """RudderStack's Python and browser clients put traits into the context, and only there."""
    in_context = _object_in(context, "traits")
    traits = event.traits or {}
    return {**in_context, **traits} if in_context else traits


def _name_page(event: SentEvent, properties: dict[str, Any]) -> None:
    if event.name:
        properties.setdefault("name", event.name)
    if event.category:
        properties.setdefault("category", event.category)


def _consent(context: dict[str, Any]) -> dict[str, Any] | None:
    """Segment's `consent`, else RudderStack's `consentManagement`. One that cannot be read must not pass as none."""
    return _object_in(context, "consent") or _object_in(context, "consentManagement")


def _object_in(context: dict[str, Any], key: str) -> dict[str, Any] | None:
    found = context.get(key)
    if found is not None and type(found) is not dict:
        raise EventRefused(RejectionCode.WRONG_TYPE, f"context.{key}", f"context.{key} is not an object.")
    return found


# -- when -------------------------------------------------------------------------------------------------------------
def _times(row: StoredRequest, event: SentEvent, shared: _Shared) -> Times:
    try:
        return clocks.correct(
            timestamp=clocks.parse(event.timestamp, field="timestamp"),
            original=clocks.parse(event.originalTimestamp, field="originalTimestamp"),
            sent_at=clocks.parse(event.sentAt, field="sentAt") or shared.sent_at,
            received_at=row.received_at,
        )
    except TimeRefused as refused:
        raise EventRefused(refused.code, refused.field, f"{refused.field} {refused.reason}.") from None


def _time(value: object, field: str) -> datetime | None:
    try:
        return clocks.parse(value, field=field)
    except TimeRefused as refused:
        raise EventRefused(refused.code, refused.field, f"{refused.field} {refused.reason}.") from None
