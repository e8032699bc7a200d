from django.db import models


class Merge(models.Model):
    """Two profiles became one: which, when, and on which event's word. Append-only."""

    id = models.BigAutoField(primary_key=True)
    winner_id = models.BigIntegerField(db_index=True)
    loser_id = models.BigIntegerField(db_index=True)
    at = models.DateTimeField()
    event_id = models.BigIntegerField(null=True)
    identifier_type = models.TextField(default="")
    reason = models.CharField(max_length=16)
    decided_by = models.TextField(default="", db_default="")

    class Meta:
        db_table = "merge"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(winner_id__lt=models.F("loser_id")), name="merge_keeps_the_older_profile"
            )
        ]

    def __str__(self) -> str:
        return f"{self.loser_id} into {self.winner_id}"
