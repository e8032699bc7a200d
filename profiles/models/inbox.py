from django.db import models


class InboxState(models.IntegerChoices):
    PENDING = 0
    DONE = 1
    PARKED = 2


class InboxRow(models.Model):
    """One accepted request, stored as it was sent. Partitioned by day (migration 0002), hence unmanaged."""

    id = models.BigIntegerField(primary_key=True)
    received_at = models.DateTimeField()
    source_id = models.BigIntegerField()
    key_id = models.BigIntegerField(null=True)
    route = models.TextField()
    body = models.BinaryField()
    size = models.IntegerField()
    assurance = models.TextField()
    gpc = models.BooleanField()
    ip = models.TextField(null=True)
    event_count = models.IntegerField()
    state = models.SmallIntegerField(choices=InboxState.choices)
    attempts = models.SmallIntegerField()
    lease = models.BigIntegerField(null=True)
    leased_until = models.DateTimeField(null=True)
    stored = models.IntegerField()
    duplicates = models.IntegerField()
    conflicts = models.IntegerField()  # those of the duplicates whose body differed from the first one's
    rejected = models.IntegerField()
    done_at = models.DateTimeField(null=True)
    error = models.TextField(null=True)
    request_id = models.TextField()  # of the HTTP request that brought it; the logs name it, too

    class Meta:
        db_table = "inbox"
        verbose_name = "request"
        verbose_name_plural = "requests"
        managed = False

    def __str__(self) -> str:
        return f"request {self.id}"
