from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models


class ViolationCount(models.Model):
    """What the rows of `violation` come to: a view (migration 0004), the same before and after they are folded."""

    id = models.BigIntegerField(primary_key=True)
    day = models.DateField()
    source = models.ForeignKey("profiles.Source", models.DO_NOTHING, related_name="+")
    plan_version = models.ForeignKey("profiles.TrackingPlanVersion", models.DO_NOTHING, related_name="+")
    kind = models.CharField(max_length=10)
    event = models.TextField()
    field = models.TextField()
    type = models.CharField(max_length=20)
    consequence = models.CharField(max_length=8)
    description = models.TextField()
    count = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    message_ids = ArrayField(models.TextField())
    app_version = models.TextField()

    class Meta:
        db_table = "violation_count"
        managed = False
        verbose_name = "violation"
        verbose_name_plural = "violations"
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.event}: {self.description}"
