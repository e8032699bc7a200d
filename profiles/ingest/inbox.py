"""The inbox: every accepted request as it was sent, one row each, durable before anybody is told that it was taken."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils.text import slugify

from cdp.observability import request_ids
from profiles.models import Source
from profiles.models.source import SourceKind

_LONGEST_KEY = 64

# The source is looked up by the INSERT itself: no cache that could outlive its row, and no second round trip.
_INSERT = """
INSERT INTO inbox (source_id, key_id, route, body, size, assurance, gpc, ip, event_count, request_id, received_at)
SELECT id, %s::bigint, %s, %s, %s, %s, %s, %s, %s, %s, coalesce(%s::timestamptz, clock_timestamp())
FROM source WHERE key = %s
"""


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose events these are, and how far what they say about consent can be relied on."""

    source: str
    kind: SourceKind
    key_id: int | None = None
    gpc: bool = False
    ip: str | None = None

    @property
    def assurance(self) -> str:
        return "client" if self.kind == SourceKind.BROWSER else "server"


def accept(*, sender: Sender, route: str, body: bytes, event_count: int, received_at: datetime | None = None) -> None:
    """Keep one request. Outside a transaction it is durable on return; the database says when it was received."""
    key = source_key(sender.source)
    said = [sender.key_id, route, body, len(body), sender.assurance, sender.gpc, sender.ip, event_count]
    row = [*said, request_ids.current(), received_at]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [*row, key])
        if not cursor.rowcount:
            cursor.execute(_INSERT, [*row, source(sender).key])


def source(sender: Sender) -> Source:
    """Return the sender's source, which its first request makes."""
    defaults = {"name": sender.source, "kind": sender.kind}
    return Source.objects.get_or_create(key=source_key(sender.source), defaults=defaults)[0]


def source_key(name: str) -> str:
    """Return the key that a source of this name has."""
    return slugify(name)[:_LONGEST_KEY] or "unnamed"
