"""A destination switched off and on: by people, with a reason, or off by itself when its receiver says it is gone.

Off is not retired: the approved version stays what it is, and whoever may approve can switch it on again as it was.
What waits is given up, so that nothing stale leaves on the day it comes back; each message can be sent again by hand.
"""

from datetime import datetime

from django.db import connection, transaction

from cdp.models import User
from segments.delivery import counting
from segments.delivery.content import MOST_RATE
from segments.delivery.refusals import DeliveryRefused
from segments.models import DeliveryLane, DeliveryState, Destination, DestinationSwitch, Switched

_GONE = "The receiver answered 410 Gone."


def prepare(*, destination: Destination, now: datetime) -> None:
    """Give a destination its lane, when its first version goes live; it may be sent to at once."""
    DeliveryLane.objects.get_or_create(pk=destination.pk, defaults={"refilled_at": now, "tokens": MOST_RATE})


@transaction.atomic
def switch_off(*, destination: Destination, by: User, reason: str, now: datetime) -> None:
    """Stop sending at once. Raises DeliveryRefused without a reason, or where nothing is on."""
    lane = _lane(destination)
    if lane.off_since is not None:
        raise DeliveryRefused("destination", "It is switched off already.")
    _off(lane, by=by, reason=_said(reason), now=now)


@transaction.atomic
def switch_on(*, destination: Destination, by: User, reason: str, now: datetime) -> None:
    """Send again from now on. Raises DeliveryRefused without a reason, or where nothing is off."""
    lane = _lane(destination)
    if lane.off_since is None:
        raise DeliveryRefused("destination", "It is switched on already.")
    if destination.live_version_id is None:
        raise DeliveryRefused("destination", "No version of it is live: have one approved.")
    _on(lane, by=by, reason=_said(reason), now=now)


def gone(*, destination_id: int, now: datetime) -> None:
    """Switch it off because its receiver said so, in the transaction that wrote the answer down."""
    lane = DeliveryLane.objects.select_for_update().get(pk=destination_id)
    if lane.off_since is None:
        _off(lane, by=None, reason=_GONE, now=now)


def approved_anew(*, destination: Destination, by: User, now: datetime) -> None:
    """A new version is live: what made the old one unwanted may be mended in it."""
    lane = _lane(destination)
    if lane.off_since is not None:
        _on(lane, by=by, reason="A new version was approved.", now=now)


def cancel_waiting(*, destination_id: int, now: datetime) -> int:
    """Cancel what waits for a destination that is retired."""
    return _end_waiting(destination_id, DeliveryState.CANCELLED, "retired", now=now)


def _off(lane: DeliveryLane, *, by: User | None, reason: str, now: datetime) -> None:
    lane.off_since, lane.off_because = now, reason
    lane.save(update_fields=["off_since", "off_because"])
    DestinationSwitch.objects.create(destination_id=lane.pk, switched=Switched.OFF, reason=reason, by=by, at=now)
    _end_waiting(lane.pk, DeliveryState.DEAD, "switched_off", now=now)


def _on(lane: DeliveryLane, *, by: User, reason: str, now: datetime) -> None:
    lane.off_since, lane.off_because = None, ""
    lane.failures, lane.failing_since, lane.paused_until = 0, None, None
    lane.save()
    DestinationSwitch.objects.create(destination_id=lane.pk, switched=Switched.ON, reason=reason, by=by, at=now)


def _lane(destination: Destination) -> DeliveryLane:
    lane = DeliveryLane.objects.select_for_update().filter(pk=destination.pk).first()
    if lane is None:
        raise DeliveryRefused("destination", "No version of it was ever live.")
    return lane


def _said(reason: str) -> str:
    if not reason.strip():
        raise DeliveryRefused("reason", "Say why: it stays on record.")
    return reason.strip()


def _end_waiting(destination_id: int, state: DeliveryState, reason: str, *, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery SET state = %s, reason = %s, closed_at = %s"
            " WHERE destination_id = %s AND state = 'pending'",
            [state.value, reason, now, destination_id],
        )
        ended: int = cursor.rowcount
    counting.count(destination_id=destination_id, outcome=state, reasons=[reason] * ended, now=now)
    return ended
