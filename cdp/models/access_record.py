from django.contrib.postgres.fields import ArrayField
from django.db import models


class ActorKind(models.TextChoices):
    KEY = "key"
    USER = "user"
    SYSTEM = "system"


class Outcome(models.TextChoices):
    ALLOWED = "allowed"
    WITHHELD = "withheld"
    REFUSED = "refused"


class AccessRecord(models.Model):
    """Who read or changed what about whom, and on what ground. Append-only, written in the transaction of the read."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10, choices=ActorKind)
    # No foreign key: a key, a person or a part of the system, and the record outlives all three.
    actor_id = models.CharField(max_length=100)
    action = models.CharField(max_length=100)
    profile_id = models.BigIntegerField(null=True)
    purpose = models.CharField(max_length=100, default="")
    fields = ArrayField(models.TextField(), default=list)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.ALLOWED)
    withheld = models.JSONField(default=list)
    basis = models.JSONField(null=True)
    request_id = models.CharField(max_length=100, default="")

    class Meta:
        verbose_name = "access record"
        indexes = [
            models.Index(fields=["profile_id", "-at"], name="cdp_access_by_profile"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_kind} {self.actor_id} {self.action}"
