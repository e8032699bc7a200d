from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from segments.models.shadow import Shadow


class ShadowCount(models.Model):
    """One comparison: who is in both, only in what is live, only in the shadow; of the last two up to five people."""

    shadow = models.ForeignKey(Shadow, models.PROTECT, related_name="counts")
    at = models.DateTimeField()
    both = models.BigIntegerField()
    only_live = models.BigIntegerField()
    only_shadow = models.BigIntegerField()
    only_live_sample = ArrayField(models.BigIntegerField(), default=list)
    only_shadow_sample = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        db_table = "shadow_count"
        constraints: ClassVar = [models.UniqueConstraint(fields=["shadow", "at"], name="shadow_count_once_a_moment")]

    def __str__(self) -> str:
        return f"{self.both} in both at {self.at:%Y-%m-%d %H:%M}"
