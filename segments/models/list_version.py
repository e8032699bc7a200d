from typing import ClassVar

from django.db import models

from segments.models.uploaded_list import UploadedList


class ListVersion(models.Model):
    """One upload: how many rows it had, how many of them were about people who are known, and who came and went.

    Append-only and without a name of anybody: it stays when the entries are erased. `sha256` is the file's.
    """

    list = models.ForeignKey(UploadedList, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()
    matched = models.PositiveIntegerField(help_text="rows about somebody who was known at that moment")
    refused = models.PositiveIntegerField(help_text="rows that name nobody in any way that is known")
    came = models.PositiveIntegerField(help_text="names that were not on the list before")
    went = models.PositiveIntegerField(help_text="names that are not on it any more")
    touched = models.PositiveIntegerField(help_text="people who were looked at again for it")
    sha256 = models.CharField(max_length=64)
    uploaded_by = models.ForeignKey("cdp.User", models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField()

    class Meta:
        db_table = "list_version"
        constraints: ClassVar = [models.UniqueConstraint(fields=["list", "number"], name="list_version_number")]

    def __str__(self) -> str:
        return f"v{self.number}"

    @property
    def unmatched(self) -> int:
        return self.rows - self.matched - self.refused
