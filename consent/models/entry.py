from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q


class EntryOperation(models.TextChoices):
    GRANT = "grant", "granted"
    DENY = "deny", "denied"
    WITHDRAW = "withdraw", "withdrawn"
    EXPIRE = "expire", "expired"


class Channel(models.TextChoices):
    EVENT = "event", "event"
    GPC = "gpc", "browser signal"
    API = "api", "API"
    ADMIN = "admin", "entered here"
    IMPORT = "import", "import"


class Entry(models.Model):
    """One decision of one person, as the exact bytes that will ever stand for it. Append-only.

    `bytes` is the record; every other column is read out of it, or of what was known when it was written, to be
    searched by. `seq` is not the order of commits: whoever needs one takes the time of recording, or a proof.
    """

    seq = models.BigAutoField(primary_key=True)
    hash = models.BinaryField(max_length=32)
    bytes = models.BinaryField()
    origin_id = models.BigIntegerField()
    operation = models.CharField(max_length=8, choices=EntryOperation)
    purposes = ArrayField(models.TextField())
    # When a grant of the purpose at the same place runs out, by the terms it was given under.
    untils = ArrayField(models.DateTimeField(null=True))
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(verbose_name="recorded at")
    source = models.CharField(max_length=100)
    channel = models.CharField(max_length=8, choices=Channel)
    assurance = models.CharField(max_length=6)
    notice_key = models.CharField(max_length=100, null=True)
    notice_version = models.PositiveIntegerField(null=True)
    supersedes = models.BinaryField(max_length=32, null=True)
    # SHA-256 over source and idempotency key: the same request twice is one entry.
    once = models.BinaryField(max_length=32, null=True, unique=True)

    class Meta:
        db_table = "consent_entry"
        verbose_name = "consent entry"
        verbose_name_plural = "consent log"
        indexes: ClassVar = [
            models.Index(fields=["origin_id"], name="consent_entry_of_subject"),
            BrinIndex(fields=["received_at"], name="consent_entry_recorded", pages_per_range=32),
            models.Index(fields=["hash"], name="consent_entry_by_hash"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(operation__in=EntryOperation.values), name="consent_entry_operation_known"
            ),
            models.CheckConstraint(condition=Q(channel__in=Channel.values), name="consent_entry_channel_known"),
            models.CheckConstraint(
                condition=Q(assurance__in=("client", "server")), name="consent_entry_assurance_known"
            ),
            models.CheckConstraint(condition=Q(purposes__len__gt=0), name="consent_entry_has_a_purpose"),
            models.CheckConstraint(
                condition=Q(notice_key__isnull=True, notice_version__isnull=True)
                | Q(notice_key__isnull=False, notice_version__isnull=False),
                name="consent_entry_notice_paired",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_operation_display()} {', '.join(self.purposes)}"
