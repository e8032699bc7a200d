from django.db import models

from cdp.governance.models import GovernedDecision


class SegmentDecision(GovernedDecision):
    """`evidence` are the counts that an approval relied on where those of the request had grown old."""

    version = models.ForeignKey("segments.SegmentVersion", models.PROTECT, related_name="decisions")
    evidence = models.JSONField(default=dict, db_default={})
    remark = models.TextField(default="", db_default="")

    class Meta(GovernedDecision.Meta):
        db_table = "segment_decision"
