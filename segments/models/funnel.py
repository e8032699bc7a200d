from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from simple_history.models import HistoricalRecords


class Funnel(models.Model):
    """A funnel that somebody keeps under a name. It decides nothing about anybody, so nobody has to approve it."""

    key = models.CharField(
        max_length=100,
        unique=True,
        validators=[
            RegexValidator(r"^[a-z][a-z0-9_-]*\Z", "Use lower-case letters, digits, - and _; begin with a letter.")
        ],
        help_text="The name by which apps ask for the report. It cannot change later.",
    )
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    definition = models.JSONField()
    created_by = models.ForeignKey("cdp.User", models.PROTECT, related_name="+")
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)

    history: ClassVar = HistoricalRecords()

    class Meta:
        db_table = "funnel"

    def __str__(self) -> str:
        return self.name
