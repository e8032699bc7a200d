from django.db import models


class EventKind(models.IntegerChoices):
    TRACK = 1
    IDENTIFY = 2
    PAGE = 3
    SCREEN = 4
    GROUP = 5
    ALIAS = 6


class Event(models.Model):
    """One stored event, read only from here. Partitioned by month of `ts` (migration 0002), hence unmanaged.

    `origin_id` is the identifier's own node in the identity graph and never changes; join `origin` for the person.
    """

    event_id = models.BigIntegerField(primary_key=True)  # not unique in the database: see `event_key`
    bucket = models.SmallIntegerField()
    origin_id = models.BigIntegerField()
    name = models.TextField()
    ts = models.DateTimeField()
    message_id = models.TextField()
    kind = models.SmallIntegerField(choices=EventKind.choices)
    source_id = models.BigIntegerField()
    received_at = models.DateTimeField()
    applied_at = models.DateTimeField()
    original_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    clock_flag = models.SmallIntegerField()
    consent_gap = models.BooleanField()
    amount = models.DecimalField(max_digits=38, decimal_places=9, null=True)
    properties = models.JSONField()
    context = models.JSONField()
    device_type = models.TextField(null=True)
    browser = models.TextField(null=True)
    os = models.TextField(null=True)
    country = models.TextField(null=True)
    region = models.TextField(null=True)
    city = models.TextField(null=True)
    time_zone = models.TextField(null=True)

    class Meta:
        db_table = "events"
        managed = False

    def __str__(self) -> str:
        return f"{self.name} at {self.ts}"
