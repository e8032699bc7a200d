from typing import ClassVar

from django.db import models
from django.db.models import Q

from segments.models.delivery import Delivery
from segments.models.destination import Destination


class AttemptKind(models.TextChoices):
    SENT = "sent", "sent"
    WITHHELD = "withheld", "withheld"


class DeliveryAttempt(models.Model):
    """One time that a message was about to leave, and on what ground it did or did not. Append-only.

    Written in the transaction that asked for consent and marked the message as under way: what left has its row, with
    the purpose as it stood and the entry of the consent log that permitted it. What came of it is in `DeliveryResult`.
    """

    delivery = models.ForeignKey(Delivery, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="log")
    destination = models.ForeignKey(
        Destination, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    destination_version = models.ForeignKey(
        "segments.DestinationVersion", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    profile_id = models.BigIntegerField()
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=AttemptKind)
    purpose = models.TextField()
    purpose_version = models.PositiveIntegerField(null=True)
    basis = models.CharField(max_length=24)
    code = models.CharField(max_length=40)
    consent_entry_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "delivery_attempt"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["delivery", "number"], name="delivery_attempt_number"),
            models.CheckConstraint(condition=Q(kind__in=AttemptKind.values), name="delivery_attempt_kind_known"),
            # Whatever left on the ground of consent names the entry that gave it.
            models.CheckConstraint(
                condition=Q(kind="withheld") | ~Q(basis="consent") | Q(consent_entry_id__isnull=False),
                name="delivery_attempt_names_the_consent",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["destination", "-id"], name="delivery_attempt_newest"),
            models.Index(fields=["profile_id", "-id"], name="delivery_attempt_of_person"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.delivery_id}"
