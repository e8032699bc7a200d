from django.db import models

from cdp.governance.models import GovernedHead


class Purpose(GovernedHead):
    """What data may be wanted for: marketing, personalisation, the contract itself."""

    governed = "consent.purposes.PURPOSES"

    live_version = models.ForeignKey(
        "consent.PurposeVersion", models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        db_table = "consent_purpose"
