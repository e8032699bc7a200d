from django.contrib.postgres.fields import ArrayField
from django.db import models

from profiles.models.touched import Cause


class ParkedTouch(models.Model):
    """A touch of a person whose evaluation fails by itself. It is out of the others' way, and tried again later."""

    id = models.BigAutoField(primary_key=True)
    profile_id = models.BigIntegerField(db_index=True)
    keys = ArrayField(models.TextField())
    cause = models.TextField(choices=Cause.choices)
    error = models.TextField()  # its kind and place, never its message
    parked_at = models.DateTimeField()

    class Meta:
        db_table = "parked_touch"
        verbose_name = "parked person"
        verbose_name_plural = "parked people"

    def __str__(self) -> str:
        return f"{self.profile_id} by {self.cause}"
