from typing import ClassVar

from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual

from cdp.governance.models import GovernedHead


class Purpose(GovernedHead):
    """What data may be wanted for: marketing, personalisation, the contract itself."""

    governed = "consent.purposes.PURPOSES"

    live_version = models.ForeignKey(
        "consent.PurposeVersion", models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        db_table = "consent_purpose"
        constraints: ClassVar = [
            # Rules read a purpose as a column named after it, and Postgres cuts names at 63 bytes.
            models.CheckConstraint(
                condition=LessThanOrEqual(Length("key"), 48),
                name="consent_purpose_key_fits_a_column",
                violation_error_message="The key of a purpose has at most 48 characters.",
            ),
        ]
