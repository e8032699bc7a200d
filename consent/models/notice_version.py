from django.db import models

from cdp.governance.models import GovernedVersion


class NoticeVersion(GovernedVersion):
    """Its exact words. An entry names them by key, version and SHA-256."""

    head = models.ForeignKey("consent.Notice", models.PROTECT, related_name="versions")

    class Meta(GovernedVersion.Meta):
        db_table = "consent_notice_version"
