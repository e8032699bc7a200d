from django.db import models

from segments.models.segment import Segment
from segments.models.segment_version import SegmentVersion


class RuleCost(models.Model):
    """What a live rule was last measured to cost: itself alone, over people picked at random."""

    segment = models.OneToOneField(Segment, models.CASCADE, primary_key=True, related_name="cost")
    version = models.ForeignKey(SegmentVersion, models.PROTECT, related_name="+")
    people = models.PositiveIntegerField()
    seconds = models.FloatField()
    measured_at = models.DateTimeField()

    class Meta:
        db_table = "rule_cost"

    def __str__(self) -> str:
        return f"{self.segment_id}: {self.seconds:.4f} s for {self.people} people"

    @property
    def seconds_per_1000_people(self) -> float:
        return 1000 * self.seconds / self.people
