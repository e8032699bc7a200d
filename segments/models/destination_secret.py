from typing import ClassVar

from django.db import models
from django.db.models import Q

from segments.models.destination import Destination


class DestinationSecret(models.Model):
    """What a destination's messages are signed with, sealed under a key that is not in the database.

    Two may live at once: both sign, so that the receiver can change over without refusing anything.
    """

    destination = models.ForeignKey(Destination, models.PROTECT, related_name="secrets")
    slot = models.PositiveSmallIntegerField()
    sealed = models.BinaryField()
    created_by = models.ForeignKey("cdp.User", models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    revoked_by = models.ForeignKey("cdp.User", models.PROTECT, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "destination_secret"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["destination", "slot"], condition=Q(revoked_at__isnull=True), name="destination_secret_two_live"
            ),
            models.CheckConstraint(condition=Q(slot__in=(1, 2)), name="destination_secret_slot_known"),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_by__isnull=True)
                | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="destination_secret_revoked_paired",
            ),
        ]

    def __str__(self) -> str:
        return f"secret {self.pk} of {self.destination_id}"
