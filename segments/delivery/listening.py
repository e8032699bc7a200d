"""Who is told of a segment: what the evidence of a rule says about consent, and who depends on it."""

from collections.abc import Iterable
from dataclasses import dataclass

from segments.delivery.content import read
from segments.models import DestinationVersion


@dataclass(frozen=True, slots=True)
class Listening:
    """A destination that is told of a segment's changes, and for which purpose."""

    name: str
    purpose: str


def listeners(key: str, /) -> Iterable[Listening]:
    """Return the live destinations that are told of the segment's changes."""
    live = DestinationVersion.objects.filter(state="live", content__segments__contains=[key]).select_related("head")
    return [Listening(version.head.name, read(version.content).purpose) for version in live.order_by("head__key")]
