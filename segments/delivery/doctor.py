"""What manage.py doctor asks about deliveries."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from cdp.doctor import Finding, attention, fine, wrong
from cdp.health import WORKER_SILENCE_SECONDS, worker_silence
from segments.delivery import queries
from segments.models import Outbox

_LATE = timedelta(minutes=2)


def examine(now: datetime, /) -> Iterator[Finding]:
    """Whether somebody delivers, and whether the receivers take it."""
    silence = worker_silence(now=now, name="delivery")
    is_silent = silence is None or silence > WORKER_SILENCE_SECONDS
    oldest = Outbox.objects.order_by("id").values_list("at", flat=True).first()
    if is_silent and oldest is not None and now - oldest > _LATE:
        yield wrong(
            "Changes of segments wait to be told, and no process takes them.",
            "Start the process “delivery” (manage.py up does; in docker compose it is the service of that name).",
        )
    found = [each for each in queries.standings(now=now) if each.destination.live_version_id is not None]
    for each in found:
        yield from _of_destination(each)
    if found and all(each.is_on and not each.dead for each in found) and not is_silent:
        yield fine(f"{len(found)} destinations are told what changed.")


def _of_destination(each: queries.Standing) -> Iterator[Finding]:
    key, lane = each.destination.key, each.lane
    if lane is not None and lane.off_since is not None:
        yield attention(
            f"The destination {key} is switched off: {lane.off_because}",
            "Mend its address in a new version, or switch it on again on its page. What changes meanwhile is not told.",
        )
    elif lane is not None and lane.failing_since is not None and lane.failures >= _MANY:
        yield attention(
            f"The destination {key} has answered {lane.failures} attempts in a row with failures.",
            "Its page shows what the receiver answers. Messages are tried again for three days.",
        )
    elif each.oldest is not None and each.oldest > _LATE:
        yield attention(
            f"Messages for {key} have been due for {int(each.oldest.total_seconds() // 60)} minutes.",
            "If that grows, its receiver takes fewer a second than change: raise the rate in a new version.",
        )
    if each.dead:
        more = "more than " if each.dead >= queries.COUNTED_UP_TO else ""
        yield attention(
            f"{more}{each.dead} messages for {key} were given up.",
            "Open the destination in the admin and send them again once its receiver is well.",
        )


_MANY = 5
