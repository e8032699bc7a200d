from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from profiles.plans.findings import Consequence, ViolationType

_TYPES, _CONSEQUENCES = [kind.value for kind in ViolationType], [became.value for became in Consequence]


class Violation(models.Model):
    """How often events of one day broke one part of one version of a plan in one way.

    Claims only insert: several rows may count the same thing until the sweep folds them into one, so the count is
    always a sum, and no two workers wait for each other. `message_ids` are the latest few, to find the events by.
    """

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    source = models.ForeignKey("profiles.Source", models.PROTECT, db_index=False, related_name="+")
    plan_version = models.ForeignKey("profiles.TrackingPlanVersion", models.PROTECT, db_index=False, related_name="+")
    kind = models.CharField(max_length=10)  # of call: TRACK, IDENTIFY …
    event = models.TextField()
    field = models.TextField(blank=True)
    type = models.CharField(max_length=20, choices=list(zip(_TYPES, _TYPES, strict=True)))
    consequence = models.CharField(max_length=8, choices=list(zip(_CONSEQUENCES, _CONSEQUENCES, strict=True)))
    description = models.TextField()
    count = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    message_ids = ArrayField(models.TextField())
    app_version = models.TextField(blank=True)

    class Meta:
        db_table = "violation"
        indexes: ClassVar = [
            models.Index(fields=["day", "source", "event"], name="violation_day"),
            models.Index(fields=["source", "-last_at"], name="violation_of_source"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(type__in=_TYPES), name="violation_type_known"),
            models.CheckConstraint(
                condition=models.Q(consequence__in=_CONSEQUENCES), name="violation_consequence_known"
            ),
            models.CheckConstraint(condition=models.Q(count__gt=0), name="violation_counts"),
        ]

    def __str__(self) -> str:
        return f"{self.event}: {self.description}"
