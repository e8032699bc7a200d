from django.db import models

from cdp.governance.models import GovernedVersion


class TrackingPlanVersion(GovernedVersion):
    """Its rules: a JSON Schema per kind of call, event name and event version."""

    head = models.ForeignKey("profiles.TrackingPlan", models.PROTECT, related_name="versions")

    class Meta(GovernedVersion.Meta):
        db_table = "tracking_plan_version"
