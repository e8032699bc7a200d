from django.db import models


class RejectedEvent(models.Model):
    """An event that was sent and not stored, whole, with the reason and the field that caused it."""

    id = models.BigAutoField(primary_key=True)
    received_at = models.DateTimeField(db_index=True)
    source = models.ForeignKey("profiles.Source", on_delete=models.PROTECT, db_index=True)
    inbox_id = models.BigIntegerField(null=True, db_index=True)
    position = models.IntegerField()
    message_id = models.TextField(default="", blank=True)
    event = models.TextField(default="", db_default="", blank=True)
    code = models.CharField(max_length=64, db_index=True)
    field = models.TextField(default="", blank=True)
    reason = models.TextField()
    payload = models.BinaryField()
    replayed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "rejected_event"
        verbose_name = "rejected event"
        verbose_name_plural = "rejected events"
        indexes = [
            # What can be sent through again, by what was wrong with it.
            models.Index(
                fields=["source", "code", "event", "id"],
                condition=models.Q(replayed_at__isnull=True),
                name="rejected_event_not_replayed",
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} at {self.received_at}"
