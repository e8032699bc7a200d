"""One event of a stored request as a request of its own: what is recorded when it is refused, and sent once more."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from profiles.ingest.bodies import BATCH, OpenedBody, inflate, open_body
from profiles.ingest.incoming import MAX_PAYLOAD_BYTES, MAX_SHARED_BYTES


class StoredRequest(Protocol):
    """What the inbox keeps of a request, as far as its events depend on it."""

    @property
    def id(self) -> int: ...
    @property
    def received_at(self) -> datetime: ...
    @property
    def route(self) -> str: ...
    @property
    def body(self) -> bytes | memoryview: ...
    @property
    def assurance(self) -> str: ...
    @property
    def ip(self) -> str | None: ...
    @property
    def event_count(self) -> int: ...


def alone(row: StoredRequest, position: int, opened: OpenedBody) -> bytes:
    """Return one event of an opened request as the body of a batch that holds nothing else, as much as is kept."""
    plain = bytes(opened.events[position])
    if row.route != BATCH:
        # The path said what kind of event it is. Written last, it is the one that counts among two keys of that name.
        inside = plain.strip()[:-1]
        comma = b"" if inside.strip() == b"{" else b","
        plain = b'%s%s"type":"%s"}' % (inside, comma, row.route.encode())
    sent_at, context = bytes(opened.sent_at), bytes(opened.context)
    if max(len(sent_at), len(context)) > MAX_SHARED_BYTES:
        # Kept with each event it would grow a thousandfold; without it (its consent too) nothing may be sent again.
        return (b'{"batch":[%s],"context":' % plain)[:MAX_PAYLOAD_BYTES]
    return (b'{"batch":[%s],"sentAt":%s,"context":%s}' % (plain, sent_at, context))[:MAX_PAYLOAD_BYTES]


def each_alone(row: StoredRequest, positions: Iterable[int]) -> dict[int, bytes]:
    """Return several events of a stored request like that, by their positions; the request is read once."""
    opened = open_body(inflate(bytes(row.body)), route=row.route)
    return {position: alone(row, position, opened) for position in positions}
