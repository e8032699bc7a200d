from typing import ClassVar

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q

from segments.models.destination import Destination
from segments.models.segment import Segment
from segments.models.segment_version import SegmentVersion


class Told(models.TextChoices):
    """What a message tells."""

    ENTERED = "entered", "entered"
    LEFT = "left", "left"
    TAGGED = "tagged", "tag added"
    UNTAGGED = "untagged", "tag removed"


class DeliveryState(models.TextChoices):
    PENDING = "pending", "waiting"
    SENDING = "sending", "under way"
    DELIVERED = "delivered", "delivered"
    WITHHELD = "withheld", "withheld"
    SUPERSEDED = "superseded", "superseded"
    CANCELLED = "cancelled", "cancelled"
    DEAD = "dead", "given up"


OPEN = (DeliveryState.PENDING, DeliveryState.SENDING)


class Delivery(models.Model):
    """One message for one destination: what is to be told, how far it has come, and when it is due.

    The text of the message is written when it is sent, from what never changes, so it is the same at every attempt and
    nothing about a person is kept twice. `attempts_before` are those made before an operator sent it again: the
    schedule begins anew after them. The foreign keys are no constraints, as in `Membership`: thousands of rows come in
    one statement, and none of what they point to is ever deleted.
    """

    message_id = models.UUIDField(unique=True, db_default=RandomUUID(), editable=False)
    destination = models.ForeignKey(
        Destination, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    profile_id = models.BigIntegerField()
    segment = models.ForeignKey(Segment, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    version = models.ForeignKey(
        SegmentVersion, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    told = models.CharField(max_length=8, choices=Told)
    tag = models.TextField(blank=True, default="")
    membership_id = models.BigIntegerField()
    at = models.DateTimeField()
    created_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    reason = models.CharField(max_length=40, blank=True, default="")
    attempts = models.PositiveIntegerField(default=0)
    attempts_before = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    replaced_by = models.BigIntegerField(null=True)

    class Meta:
        db_table = "delivery"
        verbose_name_plural = "deliveries"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="delivery_state_known"),
            models.CheckConstraint(condition=Q(told__in=Told.values), name="delivery_told_known"),
            models.CheckConstraint(
                condition=Q(state="sending", leased_until__isnull=False)
                | (~Q(state="sending") & Q(leased_until__isnull=True)),
                name="delivery_leased_while_sending",
            ),
            models.CheckConstraint(
                condition=Q(state__in=OPEN, closed_at__isnull=True) | (~Q(state__in=OPEN) & Q(closed_at__isnull=False)),
                name="delivery_closed_paired",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["destination", "due_at", "id"], condition=Q(state="pending"), name="delivery_due"),
            models.Index(
                fields=["destination", "profile_id", "id"], condition=Q(state__in=OPEN), name="delivery_of_person_open"
            ),
            models.Index(fields=["leased_until"], condition=Q(state="sending"), name="delivery_leased"),
            models.Index(fields=["destination", "-id"], name="delivery_newest"),
            models.Index(fields=["destination", "-id"], condition=Q(state="dead"), name="delivery_dead"),
            models.Index(fields=["profile_id", "destination", "segment"], name="delivery_of_person"),
        ]

    def __str__(self) -> str:
        return f"msg_{self.message_id.hex}"
