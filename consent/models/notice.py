from django.db import models

from cdp.governance.models import GovernedHead


class Notice(GovernedHead):
    """What people are shown when they are asked, in one language."""

    governed = "consent.purposes.NOTICES"

    live_version = models.ForeignKey(
        "consent.NoticeVersion", models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        db_table = "consent_notice"
