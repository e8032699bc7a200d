from typing import ClassVar

from django.db import models
from django.db.models import Q


class ListEntry(models.Model):
    """A name on a list, as the keyed hash under which an identifier is found; never the name itself.

    A public profile id is no secret and needs no key: its eight bytes stand under the type `profile_id`. An entry holds
    for the versions [added_in, removed_in).
    """

    list_id = models.BigIntegerField()
    type = models.TextField()
    hash = models.BinaryField()
    added_in = models.PositiveIntegerField()
    removed_in = models.PositiveIntegerField(null=True)

    class Meta:
        db_table = "list_entry"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["list_id", "type", "hash"], condition=Q(removed_in__isnull=True), name="list_entry_once"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["type", "hash"], name="list_entry_of_name")]

    def __str__(self) -> str:
        return self.type
