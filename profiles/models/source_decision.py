from django.db import models

from cdp.governance.models import GovernedDecision


class SourceDecision(GovernedDecision):
    version = models.ForeignKey("profiles.SourceVersion", models.PROTECT, related_name="decisions")

    class Meta(GovernedDecision.Meta):
        db_table = "source_decision"
