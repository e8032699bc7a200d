from django.db import models
from django.db.models.functions import Coalesce

from cdp.ids import to_public


class Profile(models.Model):
    """A person. `traits` holds the winning values only; `trait` and `trait_value` hold where they came from."""

    id = models.BigIntegerField(primary_key=True)
    bucket = models.SmallIntegerField()
    created_at = models.DateTimeField()
    first_seen_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)
    traits = models.JSONField(default=dict)
    event_count = models.BigIntegerField(default=0)
    merged_into = models.BigIntegerField(null=True)
    evaluated_at = models.DateTimeField(null=True)
    revision = models.BigIntegerField(default=0)
    time_zone = models.TextField(null=True)

    class Meta:
        db_table = "profile"
        verbose_name = "person"
        verbose_name_plural = "people"
        indexes = [
            models.Index(fields=["merged_into"], condition=models.Q(merged_into__isnull=False), name="profile_merged"),
            # The list of people, newest first. Somebody of whom no event is stored yet stands where they were created.
            models.Index(
                Coalesce("last_seen_at", "created_at").desc(),
                models.F("id").desc(),
                condition=models.Q(merged_into__isnull=True),
                name="profile_newest",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(merged_into__isnull=True) | models.Q(merged_into__lt=models.F("id")),
                name="profile_merges_into_an_older_one",
            )
        ]

    def __str__(self) -> str:
        return to_public(self.id)
