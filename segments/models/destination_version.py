from django.db import models

from cdp.governance.models import GovernedVersion


class DestinationVersion(GovernedVersion):
    """One content of a destination; `segments.delivery.content` says what is in it."""

    head = models.ForeignKey("segments.Destination", models.PROTECT, related_name="versions")

    class Meta(GovernedVersion.Meta):
        db_table = "destination_version"
