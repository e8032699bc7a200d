"""The three abstract tables of a governed type. A type writes, one model per file, and with its own nouns:

    class Segment(GovernedHead):
        governed = "segments.publishing.SEGMENTS"
        live_version = models.ForeignKey(
            "segments.SegmentVersion", models.PROTECT, null=True, editable=False, related_name="+"
        )

    class SegmentVersion(GovernedVersion):
        head = models.ForeignKey("segments.Segment", models.PROTECT, related_name="versions")

    class SegmentDecision(GovernedDecision):
        version = models.ForeignKey("segments.SegmentVersion", models.PROTECT, related_name="decisions")

and in its 0002 migration, after both model migrations:

    GuardVersions(
        head_table="segments_segment",
        version_table="segments_segmentversion",
        decision_table="segments_segmentdecision",
        history_table="segments_historicalsegment",
    )
"""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords


class State(models.TextChoices):
    DRAFT = "draft", "draft"
    REVIEW = "review", "waiting for approval"
    LIVE = "live", "live"
    SUPERSEDED = "superseded", "superseded"
    RETIRED = "retired", "retired"
    REJECTED = "rejected", "rejected"
    WITHDRAWN = "withdrawn", "withdrawn"


class DecisionKind(models.TextChoices):
    APPROVE = "approve", "approved"
    REJECT = "reject", "rejected"
    RETIRE = "retire", "retired"
    ROLL_BACK = "roll_back", "rolled back"


class GovernedHead(models.Model):
    """The stable name of a governed object. `live_version` is kept by the database's trigger, never by hand."""

    governed: ClassVar[str]
    versions: Any
    live_version: Any
    live_version_id: int | None

    key = models.CharField(
        max_length=100,
        unique=True,
        validators=[
            RegexValidator(r"^[a-z][a-z0-9_-]*\Z", "Use lower-case letters, digits, - and _; begin with a letter.")
        ],
        help_text="The name that rules, keys and apps use. It cannot change later.",
    )
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    owner = models.ForeignKey("cdp.User", models.PROTECT, related_name="+")
    created_at = models.DateTimeField(editable=False)

    history = HistoricalRecords(inherit=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class GovernedVersion(models.Model):
    """A numbered content. Outside draft it cannot change; what made it live is in its decisions."""

    head: Any
    head_id: int
    decisions: Any

    number = models.PositiveIntegerField()
    content = models.JSONField()
    content_hash = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=State, default=State.DRAFT)
    # Whoever created, edited or submitted it: none of them may approve it.
    author_ids = ArrayField(models.BigIntegerField())
    copied_from = models.PositiveIntegerField(null=True)
    created_by = models.ForeignKey("cdp.User", models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    submitted_by = models.ForeignKey("cdp.User", models.PROTECT, related_name="+", null=True)
    submitted_at = models.DateTimeField(null=True)
    evidence = models.JSONField(default=dict)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["head", "number"], name="%(app_label)s_%(class)s_number"),
            models.UniqueConstraint(
                fields=["head"], condition=Q(state="live"), name="%(app_label)s_%(class)s_one_live"
            ),
            models.UniqueConstraint(
                fields=["head"], condition=Q(state="review"), name="%(app_label)s_%(class)s_one_in_review"
            ),
            models.CheckConstraint(condition=Q(state__in=State.values), name="%(app_label)s_%(class)s_state_known"),
            models.CheckConstraint(
                condition=Q(content_hash__regex=r"^[0-9a-f]{64}$"), name="%(app_label)s_%(class)s_hash_is_sha256"
            ),
            models.CheckConstraint(
                condition=Q(submitted_at__isnull=True, submitted_by__isnull=True)
                | Q(submitted_at__isnull=False, submitted_by__isnull=False),
                name="%(app_label)s_%(class)s_submitted_paired",
            ),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"


class GovernedDecision(models.Model):
    """One person's decision on one exact content, with the reason. Append-only."""

    version: Any
    version_id: int

    content_hash = models.CharField(max_length=64)
    decision = models.CharField(max_length=10, choices=DecisionKind)
    comment = models.TextField()
    decided_by = models.ForeignKey("cdp.User", models.PROTECT, related_name="+")
    author_ids = ArrayField(models.BigIntegerField())
    at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.get_decision_display()} by {self.decided_by_id}"
