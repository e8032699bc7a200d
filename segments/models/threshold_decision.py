from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from segments.models.segment_version import SegmentVersion
from segments.models.threshold_snapshot import ThresholdSnapshot


class Outcome(models.TextChoices):
    """What became of a snapshot for one threshold of one version."""

    FIRST = "first", "in force with the version"
    KEPT = "kept", "too close to the one in force"
    REFRESHED = "refreshed", "in force, inside the band"
    ASKED = "asked", "outside the band, waits for a decision"
    ACCEPTED = "accepted", "in force, accepted"
    REFUSED = "refused", "refused"


#: The latest of these is the one in force.
IN_FORCE = (Outcome.FIRST, Outcome.REFRESHED, Outcome.ACCEPTED)


class ThresholdDecision(models.Model):
    """Which snapshot a threshold of a version goes by, and who let it. Append-only; the latest in force counts.

    A trigger holds what the verbs promise: nothing but the author's band or somebody else than the authors lets a
    snapshot in.
    """

    version = models.ForeignKey(SegmentVersion, models.PROTECT, related_name="+")
    path = models.TextField()
    snapshot = models.ForeignKey(ThresholdSnapshot, models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=10, choices=Outcome)
    moved = models.DecimalField(
        max_digits=38, decimal_places=9, null=True, help_text="by which share of the value in force; null: from nothing"
    )
    decided_by = models.ForeignKey("cdp.User", models.PROTECT, null=True, related_name="+")
    author_ids = ArrayField(models.BigIntegerField())
    comment = models.TextField(blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        db_table = "threshold_decision"
        indexes: ClassVar = [models.Index(fields=["version", "path", "-id"], name="threshold_decision_latest")]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()}"
