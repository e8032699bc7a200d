"""Send a message again that was given up or withheld: under its own id, with consent asked anew.

A destination is told where people stand, so what was overtaken is not sent again: the later message says more.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from cdp import access
from cdp.access import Actor
from cdp.models import User
from segments.delivery.fanning import SAME
from segments.delivery.refusals import DeliveryRefused
from segments.models import Delivery, DeliveryLane, DeliveryState, Destination

MOST_REPLAYED = 10_000
REPLAYABLE = (DeliveryState.DEAD, DeliveryState.WITHHELD)


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many messages go out again, and how many of the same are left."""

    messages: int
    left: int


@transaction.atomic
def replay(*, delivery: Delivery, by: User, now: datetime) -> None:
    """Have one message sent again, on the schedule from its beginning. Raises DeliveryRefused."""
    current = Delivery.objects.select_for_update().select_related("destination").get(pk=delivery.pk)
    if current.state not in REPLAYABLE:
        raise DeliveryRefused("message", "Only what was given up or withheld can be sent again.")
    _require_on(current.destination)
    if not _again(current.destination_id, [current.pk], DeliveryState(current.state), most=1, now=now):
        raise DeliveryRefused("message", "A later change of the same person and segment took its place.")
    _record(current.destination, [current.profile_id], by=by, now=now)


@transaction.atomic
def replay_dead(*, destination: Destination, by: User, now: datetime) -> Replayed:
    """Have everything sent again that was given up for a destination and is still true. Raises DeliveryRefused."""
    _require_on(destination)
    people = _again(destination.pk, None, DeliveryState.DEAD, most=MOST_REPLAYED, now=now)
    if people:
        _record(destination, sorted(set(people)), by=by, now=now)
    left = Delivery.objects.filter(destination=destination, state=DeliveryState.DEAD, replaced_by=None)
    return Replayed(len(people), left[:MOST_REPLAYED].count() if len(people) == MOST_REPLAYED else 0)


def _require_on(destination: Destination) -> None:
    lane = DeliveryLane.objects.filter(pk=destination.pk).first()
    if lane is None or destination.live_version_id is None:
        raise DeliveryRefused("destination", "No version of the destination is live.")
    if lane.off_since is not None:
        raise DeliveryRefused("destination", "The destination is switched off: switch it on first.")


def _again(destination_id: int, ids: list[int] | None, state: DeliveryState, *, most: int, now: datetime) -> list[int]:
    """Make them wait again, without those that were overtaken; return whom they are about."""
    with connection.cursor() as cursor:
        asked = {"destination": destination_id, "ids": ids, "state": state.value, "most": most, "now": now}
        cursor.execute(_AGAIN, asked)
        return [person for (person,) in cursor.fetchall()]


_AGAIN = f"""
WITH chosen AS (
    SELECT d.id FROM delivery d
     WHERE d.destination_id = %(destination)s AND d.state = %(state)s
       AND (%(ids)s::bigint[] IS NULL OR d.id = ANY (%(ids)s::bigint[])) AND NOT EXISTS (
           SELECT FROM delivery later WHERE {SAME.format("later", "d")} AND later.id > d.id)
     ORDER BY d.id LIMIT %(most)s FOR NO KEY UPDATE
)
UPDATE delivery d SET state = 'pending', reason = 'sent_again', due_at = %(now)s, closed_at = NULL,
       attempts_before = d.attempts
  FROM chosen WHERE d.id = chosen.id
RETURNING d.profile_id
"""


def _record(destination: Destination, people: list[int], *, by: User, now: datetime) -> None:
    access.record(
        actor=Actor.person(by),
        action="delivery.replay",
        profile_ids=people,
        purpose="administration",
        fields=["segments"],
        now=now,
        basis={"destination": destination.key},
    )
