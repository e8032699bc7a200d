from typing import ClassVar

from django.db import models
from django.db.models import Q

from segments.models.destination import Destination


class Switched(models.TextChoices):
    ON = "on", "switched on"
    OFF = "off", "switched off"


class DestinationSwitch(models.Model):
    """One time that a destination was switched off or on again, by whom and why. Append-only.

    Nobody in `by` means the platform itself, because the receiver said that it is gone. On it never goes by itself.
    """

    destination = models.ForeignKey(Destination, models.PROTECT, related_name="switches")
    switched = models.CharField(max_length=3, choices=Switched)
    reason = models.TextField()
    by = models.ForeignKey("cdp.User", models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        db_table = "destination_switch"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(switched__in=Switched.values), name="destination_switch_known"),
            models.CheckConstraint(
                condition=Q(switched="off") | Q(by__isnull=False), name="destination_switch_on_by_somebody"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="destination_switch_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.destination_id} {self.switched}"
