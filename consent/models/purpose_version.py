from django.db import models

from cdp.governance.models import GovernedVersion


class PurposeVersion(GovernedVersion):
    """Its terms: title, legal basis, accepted assurance, categories, how long a grant holds."""

    head = models.ForeignKey("consent.Purpose", models.PROTECT, related_name="versions")

    class Meta(GovernedVersion.Meta):
        db_table = "consent_purpose_version"
