"""The text of a message: the same bytes at every attempt, from what never changes. Pure.

{"type": "profile.segment.entered", "timestamp": "2026-03-03T12:00:00.000000Z",
 "data": {"person": "p1.1.…", "segment": "high-intent", "version": 3}}

`person` is a pseudonym in the destination's own domain: two receivers cannot join what they were told. A message about
a tag has "tag" in place of segment and version: several segments may put it, and it is theirs together. One message is
one change: it is consented to, ordered, retried and proven on its own.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson

from cdp.pseudonyms import pseudonym

TYPES = {
    "entered": "profile.segment.entered",
    "left": "profile.segment.left",
    "tagged": "profile.tag.added",
    "untagged": "profile.tag.removed",
}
_AGENT = "cdp-webhooks/1"


@dataclass(frozen=True, slots=True)
class Message:
    """What one delivery tells."""

    message_id: UUID
    destination: str
    profile_id: int
    told: str
    segment: str
    version: int
    tag: str
    at: datetime

    @property
    def id(self) -> str:
        """The idempotency key of the receiver: the same at every attempt."""
        return spelled_id(self.message_id)

    @property
    def body(self) -> bytes:
        person = person_of(destination=self.destination, profile_id=self.profile_id)
        about = {"tag": self.tag} if self.tag else {"segment": self.segment, "version": self.version}
        stamp = self.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return orjson.dumps({"type": TYPES[self.told], "timestamp": stamp, "data": {"person": person, **about}})


def person_of(*, destination: str, profile_id: int) -> str:
    """Name a person towards one destination."""
    return pseudonym(domain=f"destination:{destination}", type="profile", value=str(profile_id))


def spelled_id(message_id: UUID) -> str:
    return f"msg_{message_id.hex}"


def read_id(spelled: str) -> UUID | None:
    """Read a message's id; None for what is none."""
    try:
        return UUID(hex=spelled.removeprefix("msg_")) if len(spelled) == len("msg_") + 32 else None
    except ValueError:
        return None


def headers(*, message_id: str, timestamp: int, signature: str) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": _AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }
