from django.db import models

from segments.models.segment import Segment
from segments.models.segment_version import SegmentVersion


class ThresholdSnapshot(models.Model):
    """A statistic of the population at one moment: what it came to, from how many people, and who they were.

    Append-only. `value` is null where there were too few people to take it from. `measure_hash` finds snapshots of the
    same measure again; `measure` says in words what was measured.
    """

    measure = models.TextField()
    measure_hash = models.CharField(max_length=64)
    statistic = models.CharField(max_length=20)
    amount = models.DecimalField(max_digits=38, decimal_places=9)
    over = models.ForeignKey(Segment, models.PROTECT, null=True, related_name="+")
    over_version = models.ForeignKey(SegmentVersion, models.PROTECT, null=True, related_name="+")
    value = models.DecimalField(max_digits=38, decimal_places=9, null=True)
    people = models.BigIntegerField()
    mean = models.DecimalField(max_digits=38, decimal_places=9, null=True)
    deviation = models.DecimalField(max_digits=38, decimal_places=9, null=True)
    taken_at = models.DateTimeField()

    class Meta:
        db_table = "threshold_snapshot"
        indexes = [models.Index(fields=["measure_hash", "-taken_at"], name="threshold_snapshot_of")]

    def __str__(self) -> str:
        return f"{self.statistic} {self.amount.normalize():f}"
