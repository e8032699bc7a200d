"""What manage.py doctor asks about segments."""

from collections.abc import Iterator
from datetime import datetime

from cdp.doctor import Finding, attention, fine, wrong
from segments import queries
from segments.models import Segment
from segments.queries import Status


def examine(now: datetime, /) -> Iterator[Finding]:
    """Whether every live segment has been held against everybody."""
    live = queries.summaries(Segment.objects.filter(live_version__isnull=False).select_related("live_version"))
    broken = [each.key for each in live if each.status == Status.BROKEN]
    behind = [each.key for each in live if each.status == Status.BACKFILLING]
    if broken:
        yield wrong(
            f"Segments whose rule can no longer be run: {', '.join(broken)}. Their members stand as they were.",
            "A trait or an event was changed under them: open the segment, it says which, and submit a new version.",
        )
    if behind:
        yield attention(
            f"Segments that are still being filled: {', '.join(behind)}.",
            "For some minutes after an approval that is normal; after that see to the workers.",
        )
    if called_off := [each.key for each in live if each.status == Status.CANCELLED]:
        yield attention(
            f"Segments whose backfill was called off: {', '.join(called_off)}. Who was not reached stands as before.",
            "Take it up again on the segment's page, or submit a new version.",
        )
    if live and not broken and not behind and not called_off:
        yield fine(f"{len(live)} live segments are complete.")
