from django.db import models

from cdp.governance.models import GovernedDecision


class SegmentDecision(GovernedDecision):
    version = models.ForeignKey("segments.SegmentVersion", models.PROTECT, related_name="decisions")

    class Meta(GovernedDecision.Meta):
        db_table = "segment_decision"
