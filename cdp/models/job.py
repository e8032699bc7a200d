from django.db import models
from django.db.models import Q


class JobState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(models.Model):
    """A long piece of work that somebody waits for: an import, a backfill, an export. Postgres is its queue."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=50)
    # Ids and settings only: personal data has no place in a queue.
    arguments = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=JobState, default=JobState.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True)
    result = models.JSONField(null=True)
    error = models.TextField(default="")
    created_by = models.ForeignKey("cdp.User", on_delete=models.PROTECT, related_name="+", null=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["kind", "created_at"], condition=Q(state__in=("queued", "running")), name="cdp_job_open"
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="cdp_job_state_known"),
            models.CheckConstraint(
                condition=Q(state__in=("done", "failed", "cancelled"), finished_at__isnull=False)
                | Q(state__in=("queued", "running"), finished_at__isnull=True),
                name="cdp_job_finished_at_paired",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
