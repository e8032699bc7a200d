from django.db import models


class SegmentDay(models.Model):
    """How many people entered and left a segment on a UTC day that is over, and how many were in it at its end.

    Memberships never change about the past, so a closed day is counted once. Figures alone: they stay when people are
    erased.
    """

    pk = models.CompositePrimaryKey("segment_id", "day")
    segment_id = models.BigIntegerField()
    day = models.DateField()
    entered = models.BigIntegerField()
    left = models.BigIntegerField()
    size = models.BigIntegerField()

    class Meta:
        db_table = "segment_day"

    def __str__(self) -> str:
        return f"{self.segment_id} on {self.day}"
