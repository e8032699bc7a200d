from typing import ClassVar

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q

from segments.models.segment import Segment
from segments.models.segment_version import SegmentVersion


class EpochStatus(models.TextChoices):
    BACKFILLING = "backfilling"
    READY = "ready"
    BROKEN = "broken", "no longer fits the catalogue"
    CANCELLED = "cancelled", "called off"


class RuleEpochQuerySet(models.QuerySet["RuleEpoch"]):
    def latest_per_segment(self) -> "RuleEpochQuerySet":
        return self.order_by("segment_id", "-epoch").distinct("segment_id")


class RuleEpoch(models.Model):
    """One change of the set of live rules: a version went live, a retired segment went, or what a rule reads changed.

    The highest number is the epoch that the lanes evaluate under; a segment's own highest row says what is live for
    it. `version` is null where the segment was retired. `after_id` is the last person the backfill judged, `judged` how
    many it has judged of the `people` there were when it began. `stamp` tells two epochs of one number apart, as a
    restored backup or a lost standby can make them: processes cache by both.
    """

    epoch = models.BigAutoField(primary_key=True)
    stamp = models.UUIDField(db_default=RandomUUID(), editable=False)
    segment = models.ForeignKey(Segment, models.PROTECT, related_name="epochs")
    version = models.ForeignKey(SegmentVersion, models.PROTECT, null=True, related_name="+")
    dependencies = models.JSONField()
    dependency_hash = models.CharField(max_length=64)
    # Where only thresholds moved: each with the values between which people have to be looked at, [path, low, high].
    moved = models.JSONField(null=True, db_default=None)
    replaces = models.BooleanField(help_text="another version was live before: flips are its doing")
    status = models.CharField(max_length=16, choices=EpochStatus, default=EpochStatus.BACKFILLING)
    after_id = models.BigIntegerField(default=0)
    published_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True)
    people = models.BigIntegerField(null=True, db_default=None)
    judged = models.BigIntegerField(default=0, db_default=0)
    started_at = models.DateTimeField(null=True, db_default=None)
    cancelled_at = models.DateTimeField(null=True, db_default=None)
    cancelled_by = models.ForeignKey("cdp.User", models.PROTECT, null=True, db_default=None, related_name="+")

    objects = RuleEpochQuerySet.as_manager()

    class Meta:
        db_table = "rule_epoch"
        indexes: ClassVar = [
            models.Index(fields=["segment", "-epoch"], name="rule_epoch_of_segment"),
            models.Index(fields=["epoch"], condition=Q(status="backfilling"), name="rule_epoch_backfilling"),
        ]

    def __str__(self) -> str:
        return f"epoch {self.epoch}"
