from django.db import models

from cdp.governance.models import GovernedDecision


class NoticeDecision(GovernedDecision):
    version = models.ForeignKey("consent.NoticeVersion", models.PROTECT, related_name="decisions")

    class Meta(GovernedDecision.Meta):
        db_table = "consent_notice_decision"
