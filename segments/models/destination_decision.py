from django.db import models

from cdp.governance.models import GovernedDecision


class DestinationDecision(GovernedDecision):
    version = models.ForeignKey("segments.DestinationVersion", models.PROTECT, related_name="decisions")

    class Meta(GovernedDecision.Meta):
        db_table = "destination_decision"
