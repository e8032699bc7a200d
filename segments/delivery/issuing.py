"""Signing secrets: issued, told once, two at a time, revoked."""

from datetime import datetime

from django.db import transaction

from cdp.models import User
from segments.delivery import signing
from segments.delivery.refusals import DeliveryRefused
from segments.models import Destination, DestinationSecret

_SLOTS = {1, 2}


@transaction.atomic
def issue(*, destination: Destination, by: User, now: datetime) -> tuple[DestinationSecret, str]:
    """Make a signing secret and return it with its spelling, which nobody can ask for again.

    Messages are signed with every live secret from now on. Raises DeliveryRefused while two are live.
    """
    live = _live(destination)
    free = _SLOTS - {secret.slot for secret in live}
    if not free:
        raise DeliveryRefused("secret", "Two secrets are live already: revoke the old one when the receiver has both.")
    secret = signing.new_secret()
    row = DestinationSecret.objects.create(
        destination=destination,
        slot=min(free),
        sealed=signing.seal(secret, destination_id=destination.pk),
        created_by=by,
        created_at=now,
    )
    return row, signing.spelled(secret)


@transaction.atomic
def revoke(*, secret: DestinationSecret, by: User, now: datetime) -> None:
    """Sign with it no more. Repeating it changes nothing. Raises DeliveryRefused for the last one of what is live."""
    destination = Destination.objects.get(pk=secret.destination_id)
    live = _live(destination)
    if all(other.pk != secret.pk for other in live):
        return
    if len(live) == 1 and destination.live_version_id is not None:
        raise DeliveryRefused("secret", "A live destination signs its messages: issue the next secret first.")
    DestinationSecret.objects.filter(pk=secret.pk).update(revoked_by=by, revoked_at=now)


def has_live(destination: Destination) -> bool:
    return DestinationSecret.objects.filter(destination=destination, revoked_at=None).exists()


def _live(destination: Destination) -> list[DestinationSecret]:
    """The live secrets, one caller at a time: two who revoke at once would leave none."""
    Destination.objects.select_for_update(no_key=True).only("pk").get(pk=destination.pk)
    return list(DestinationSecret.objects.filter(destination=destination, revoked_at=None))
