from typing import ClassVar

from django.db import models
from django.db.models import Q

from cdp.governance.models import GovernedHead


class IdentityRule(GovernedHead):
    """Which values are identifiers, and of whom. There is one; while no version is live, a default holds."""

    KEY = "identity"
    governed = "profiles.identity.governing.IDENTITY_RULE"

    live_version = models.ForeignKey(
        "profiles.IdentityRuleVersion", models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        db_table = "identity_rule"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(key="identity"),
                name="identity_rule_is_one",
                violation_error_message="There is one identity rule, and its key is “identity”.",
            ),
        ]
