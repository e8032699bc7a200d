from django.db import models

from cdp.governance.models import GovernedHead


class Destination(GovernedHead):
    """Where changes of segments are told to: an address outside, for one purpose."""

    governed = "segments.delivery.governing.DESTINATIONS"

    live_version = models.ForeignKey(
        "segments.DestinationVersion", models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        db_table = "destination"
