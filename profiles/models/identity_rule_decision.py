from django.db import models

from cdp.governance.models import GovernedDecision


class IdentityRuleDecision(GovernedDecision):
    version = models.ForeignKey("profiles.IdentityRuleVersion", models.PROTECT, related_name="decisions")

    class Meta(GovernedDecision.Meta):
        db_table = "identity_rule_decision"
