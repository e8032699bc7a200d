from django.db import models

from cdp.governance.models import GovernedHead


class Segment(GovernedHead):
    """The stable name of a group of people."""

    governed = "segments.publishing.SEGMENTS"

    live_version = models.ForeignKey(
        "segments.SegmentVersion", models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        db_table = "segment"
