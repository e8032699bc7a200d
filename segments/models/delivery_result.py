from typing import ClassVar

from django.db import models
from django.db.models import Q

from segments.delivery.schedule import Outcome
from segments.models.delivery_attempt import DeliveryAttempt


class DeliveryResult(models.Model):
    """What came of an attempt: what the receiver answered, or why there is no answer. Append-only.

    An attempt without a result is under way, or its worker was lost and the lease has not run out yet.
    """

    attempt = models.OneToOneField(
        DeliveryAttempt, models.DO_NOTHING, db_constraint=False, primary_key=True, related_name="result"
    )
    outcome = models.CharField(max_length=9, choices=[(each.value, each.value) for each in Outcome])
    status = models.PositiveSmallIntegerField(null=True)
    reason = models.CharField(max_length=40)
    detail = models.CharField(max_length=200, blank=True, default="")
    milliseconds = models.PositiveIntegerField(null=True)
    next_try_at = models.DateTimeField(null=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "delivery_result"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(outcome__in=list(Outcome)), name="delivery_result_outcome_known"),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} {self.status or ''}".strip()
