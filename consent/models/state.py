from typing import ClassVar

from django.db import models
from django.db.models import Q

from consent.models.entry import EntryOperation


class ConsentState(models.Model):
    """Where a person stands on a purpose: the deciding entry, computed from all of theirs and never edited.

    Twice: `assured_…` is where they stand when a browser's word for a grant does not count. Which of the two decides is
    a matter of the purpose's live version, so a new version needs no rewriting of these rows.
    """

    pk = models.CompositePrimaryKey("profile_id", "purpose")
    profile_id = models.BigIntegerField()
    purpose = models.TextField()
    operation = models.CharField(max_length=8, choices=EntryOperation)
    granted = models.BooleanField()
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)
    entry_id = models.BigIntegerField()
    assurance = models.CharField(max_length=6)
    assured_operation = models.CharField(max_length=8, choices=EntryOperation, null=True)
    assured_granted = models.BooleanField(null=True)
    assured_since = models.DateTimeField(null=True)
    assured_until = models.DateTimeField(null=True)
    assured_entry_id = models.BigIntegerField(null=True)

    class Meta:
        db_table = "consent_state"
        indexes: ClassVar = [
            models.Index(fields=["purpose", "profile_id"], name="consent_state_of_purpose"),
            models.Index(
                fields=["profile_id"],
                condition=Q(until__isnull=False) | Q(assured_until__isnull=False),
                name="consent_state_runs_out",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(granted=True, operation="grant") | (Q(granted=False) & ~Q(operation="grant")),
                name="consent_state_granted_by_a_grant",
            ),
            models.CheckConstraint(
                condition=Q(assured_entry_id__isnull=True, assured_granted__isnull=True, assured_since__isnull=True)
                | Q(assured_entry_id__isnull=False, assured_granted__isnull=False, assured_since__isnull=False),
                name="consent_state_assured_paired",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} of {self.profile_id}"
