from django.db import models


class InboxDayTotal(models.Model):
    """What became of the events of a day of the inbox that was let go of, by source."""

    pk = models.CompositePrimaryKey("day", "source_id")
    day = models.DateField()
    source_id = models.BigIntegerField()
    requests = models.BigIntegerField()
    accepted = models.BigIntegerField()
    stored = models.BigIntegerField()
    duplicates = models.BigIntegerField()
    conflicts = models.BigIntegerField()
    rejected = models.BigIntegerField()

    class Meta:
        db_table = "inbox_day_total"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    accepted=models.F("stored") + models.F("duplicates") + models.F("rejected"),
                ),
                name="inbox_day_total_balanced",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.accepted}"
