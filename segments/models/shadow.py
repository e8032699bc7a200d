from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from segments.models.segment_version import SegmentVersion


class Shadow(models.Model):
    """The trial of an approved version beside what is live, over [begun_at, ends_at). It moves nobody."""

    version = models.OneToOneField(SegmentVersion, models.PROTECT, primary_key=True, related_name="shadow")
    begun_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    compared_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "shadow"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("begun_at")), name="shadow_ends_after_it_begins")
        ]

    def __str__(self) -> str:
        return f"shadow of {self.version_id}"
