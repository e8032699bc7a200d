from django.db import models

from cdp.governance.models import GovernedVersion


class IdentityRuleVersion(GovernedVersion):
    """The types of identifiers in the order of their priority, their limits, and the values that are nobody's."""

    head = models.ForeignKey("profiles.IdentityRule", models.PROTECT, related_name="versions")

    class Meta(GovernedVersion.Meta):
        db_table = "identity_rule_version"
