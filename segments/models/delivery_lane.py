from django.db import models

from segments.models.destination import Destination


class DeliveryLane(models.Model):
    """How a destination does: whether it is on, how fast it may be sent to, and how it has answered lately.

    Whoever takes messages of a destination holds this row meanwhile: one at a time, and none waits for another.
    """

    destination = models.OneToOneField(Destination, models.CASCADE, primary_key=True, related_name="lane")
    off_since = models.DateTimeField(null=True)
    off_because = models.TextField(blank=True, default="")
    # Messages that may be sent at once, as of `refilled_at`; it grows by the destination's rate.
    tokens = models.FloatField(default=0)
    refilled_at = models.DateTimeField()
    failures = models.PositiveIntegerField(default=0, help_text="Attempts that failed since the last that did not.")
    failing_since = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "delivery_lane"

    def __str__(self) -> str:
        return f"lane of {self.destination_id}"
