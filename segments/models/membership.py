from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from profiles.models import Cause
from segments.models.segment import Segment
from segments.models.segment_version import SegmentVersion


class MembershipQuerySet(models.QuerySet["Membership"]):
    def current(self) -> "MembershipQuerySet":
        return self.filter(left_at__isnull=True)


class Membership(models.Model):
    """One stay of one person in one segment, over `[entered_at, left_at)`.

    `version` is the rule version the person entered under and never changes. When a later version goes live and the
    person satisfies it too, the stay goes on and `standing_version` says which version last confirmed it: an app sees
    no exit and re-entry that did not happen. At an instant T inside the stay the deciding version is
    `standing_version` from `standing_at` on; before it, the version that was live at T (`RuleEpoch.published_at`).
    `left_version` is the version that ended it, null where no rule did: a merge, a retired segment.

    The foreign keys are not constraints: a backfill opens hundreds of thousands of rows, each check would lock the
    segment's row against its own lanes, and neither segments nor versions nor merged profiles are ever deleted.
    """

    profile_id = models.BigIntegerField()
    segment = models.ForeignKey(Segment, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    version = models.ForeignKey(
        SegmentVersion, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    epoch = models.BigIntegerField()
    entered_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)
    cause = models.CharField(max_length=16, choices=Cause.choices)
    left_cause = models.CharField(max_length=16, choices=Cause.choices, null=True)
    evidence = models.JSONField()
    evidence_left = models.JSONField(null=True)
    standing_version = models.ForeignKey(
        SegmentVersion, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    standing_at = models.DateTimeField()
    left_version = models.ForeignKey(
        SegmentVersion, models.DO_NOTHING, db_constraint=False, db_index=False, null=True, related_name="+"
    )

    objects = MembershipQuerySet.as_manager()

    class Meta:
        db_table = "membership"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["segment", "profile_id"], condition=Q(left_at__isnull=True), name="membership_one_open"
            ),
            models.CheckConstraint(condition=Q(left_at__gt=F("entered_at")), name="membership_leaves_after_entering"),
            models.CheckConstraint(
                condition=Q(left_at__isnull=True, left_cause__isnull=True)
                | Q(left_at__isnull=False, left_cause__isnull=False),
                name="membership_left_has_cause",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["profile_id", "segment"], name="membership_of_person"),
            models.Index(fields=["segment", "-id"], name="membership_newest"),
            models.Index(fields=["segment", "profile_id"], condition=Q(left_at__isnull=False), name="membership_past"),
            models.Index(fields=["left_at"], condition=Q(left_at__isnull=False), name="membership_left"),
            BrinIndex(fields=["entered_at"], name="membership_entered", pages_per_range=32),
        ]

    def __str__(self) -> str:
        return f"{self.profile_id} in {self.segment_id}"
