"""Who is told of a segment: what the evidence of a rule says about consent, and who depends on it."""

from collections.abc import Iterable

from segments.delivery.content import read
from segments.evidence import Listener
from segments.models import DestinationVersion


def listeners(key: str, /) -> Iterable[Listener]:
    """Return the live destinations that are told of the segment's changes."""
    live = DestinationVersion.objects.filter(state="live", content__segments__contains=[key]).select_related("head")
    return [Listener(version.head.name, read(version.content).purpose) for version in live.order_by("head__key")]
