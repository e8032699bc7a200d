from django.contrib.postgres.fields import ArrayField
from django.db import models


class Cause(models.TextChoices):
    EVENT = "event"
    SWEEP = "sweep"
    MERGE = "merge"
    UNMERGE = "unmerge"
    BACKFILL = "backfill"
    VERSION = "version"
    CONSENT = "consent"
    THRESHOLD = "threshold"
    LIST = "list"


class Touched(models.Model):
    """A person whose state may have changed, waiting for their lane. Written in the transaction of the change.

    A claim's touches also carry what it stored under one origin of that person; the lane that takes them counts it.
    """

    id = models.BigAutoField(primary_key=True)
    lane = models.SmallIntegerField()
    profile_id = models.BigIntegerField()
    keys = ArrayField(models.TextField())
    cause = models.TextField(choices=Cause.choices)
    at = models.DateTimeField()
    origin_id = models.BigIntegerField(null=True)
    events = models.IntegerField(null=True)
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    context = models.TextField(null=True)

    class Meta:
        db_table = "touched"
        indexes = [models.Index(fields=["lane", "profile_id"])]

    def __str__(self) -> str:
        return f"{self.profile_id} by {self.cause}"
