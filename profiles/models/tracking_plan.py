from django.db import models

from cdp.governance.models import GovernedHead


class TrackingPlan(GovernedHead):
    """Which events a source may send, and what each of them holds."""

    governed = "profiles.plans.tracking_plans.TRACKING_PLANS"

    live_version = models.ForeignKey(
        "profiles.TrackingPlanVersion", models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        db_table = "tracking_plan"
