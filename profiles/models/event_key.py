from django.db import models


class EventKey(models.Model):
    """What makes a retry a duplicate: a hash of source and message id, kept as long as the event. In partitions."""

    key = models.BinaryField(primary_key=True)
    event_id = models.BigIntegerField()
    origin_id = models.BigIntegerField()
    ts = models.DateTimeField()
    body_hash = models.BinaryField()

    class Meta:
        db_table = "event_key"
        managed = False

    def __str__(self) -> str:
        return f"event {self.event_id}"
