from django.db import models

from cdp.governance.models import GovernedVersion


class SegmentVersion(GovernedVersion):
    """One content of a segment: `{"rule": {…}}`."""

    head = models.ForeignKey("segments.Segment", models.PROTECT, related_name="versions")

    class Meta(GovernedVersion.Meta):
        db_table = "segment_version"
