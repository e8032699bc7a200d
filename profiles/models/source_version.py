from django.db import models

from cdp.governance.models import GovernedVersion


class SourceVersion(GovernedVersion):
    """Its name, kind, priority, tracking plan, and what becomes of events that do not follow the plan."""

    head = models.ForeignKey("profiles.Source", models.PROTECT, related_name="versions")

    class Meta(GovernedVersion.Meta):
        db_table = "source_version"
