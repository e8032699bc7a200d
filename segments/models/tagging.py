from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from segments.models.segment import Segment
from segments.models.segment_version import SegmentVersion


class Tagging(models.Model):
    """One tag on one person, over `[given_at, withdrawn_at)`: as long as any segment that puts it has them.

    `segment` and `version` are those that put it there first. Who carries it on is told by the person's stays.
    """

    profile_id = models.BigIntegerField()
    tag = models.TextField()
    segment = models.ForeignKey(Segment, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    version = models.ForeignKey(
        SegmentVersion, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    given_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "tagging"
        verbose_name = "tag"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["profile_id", "tag"], condition=Q(withdrawn_at__isnull=True), name="tagging_one_open"
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__gt=F("given_at")), name="tagging_is_withdrawn_after_it_is_given"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["tag", "-id"], name="tagging_newest"),
            models.Index(fields=["profile_id", "-id"], name="tagging_of_person"),
        ]

    def __str__(self) -> str:
        return f"{self.tag} on {self.profile_id}"
