from django.db import models

from cdp.governance.models import GovernedDecision


class TrackingPlanDecision(GovernedDecision):
    version = models.ForeignKey("profiles.TrackingPlanVersion", models.PROTECT, related_name="decisions")

    class Meta(GovernedDecision.Meta):
        db_table = "tracking_plan_decision"
