from django.db import models

from cdp.governance.models import GovernedDecision


class PurposeDecision(GovernedDecision):
    version = models.ForeignKey("consent.PurposeVersion", models.PROTECT, related_name="decisions")

    class Meta(GovernedDecision.Meta):
        db_table = "consent_purpose_decision"
