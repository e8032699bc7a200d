from django.db import models


class DeliveryCount(models.Model):
    """How many messages of a destination ended how on a day, and why: counted as it happens, so nobody counts rows."""

    pk = models.CompositePrimaryKey("destination_id", "day", "outcome", "reason")
    destination_id = models.BigIntegerField()
    day = models.DateField()
    outcome = models.CharField(max_length=10)
    reason = models.CharField(max_length=40)
    count = models.BigIntegerField()

    class Meta:
        db_table = "delivery_count"

    def __str__(self) -> str:
        return f"{self.outcome} {self.reason}: {self.count}"
