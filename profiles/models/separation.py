from django.db import models
from django.db.models import Q

from profiles.models.unmerge import Unmerge


class Separation(models.Model):
    """Two sets of origins that are two people by somebody's decision, whatever events say. Lifted, it says nothing."""

    id = models.BigAutoField(primary_key=True)
    unmerge = models.OneToOneField(Unmerge, models.PROTECT, related_name="separation")
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.TextField(default="", db_default="")
    lifted_comment = models.TextField(default="", db_default="")

    class Meta:
        db_table = "separation"
        constraints = [
            models.CheckConstraint(
                condition=Q(lifted_at__isnull=True, lifted_by="", lifted_comment="")
                | (Q(lifted_at__isnull=False) & ~Q(lifted_by="") & ~Q(lifted_comment="")),
                name="separation_lifted_with_a_reason",
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Side(models.IntegerChoices):
    KEPT = 0
    UNDONE = 1


class SeparatedOrigin(models.Model):
    """An origin that stands on one side of a separation."""

    pk = models.CompositePrimaryKey("separation_id", "origin_id")
    separation_id = models.BigIntegerField()
    origin_id = models.BigIntegerField(db_index=True)
    side = models.SmallIntegerField(choices=Side.choices)

    class Meta:
        db_table = "separated_origin"

    def __str__(self) -> str:
        return f"{self.origin_id} on side {self.side}"
