from django.db import models

from profiles.models.merge import Merge


class Unmerge(models.Model):
    """A merge was undone: by whom and why. Append-only, as the merges are."""

    id = models.BigAutoField(primary_key=True)
    merge = models.OneToOneField(Merge, models.PROTECT, related_name="undone")
    at = models.DateTimeField()
    decided_by = models.TextField()
    comment = models.TextField()

    class Meta:
        db_table = "unmerge"

    def __str__(self) -> str:
        return f"{self.merge_id} undone"
