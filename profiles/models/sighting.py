from django.db import models

from profiles.models.link import LinkReason


class Sighting(models.Model):
    """Two identifiers seen together: an edge of the identity graph, with the earliest event that says so.

    Grouping is computed from these rows and nothing else, so the order in which events arrive cannot matter.
    """

    pk = models.CompositePrimaryKey("origin_id", "with_origin_id")
    origin_id = models.BigIntegerField()  # the device, the e-mail address or the previous id
    with_origin_id = models.BigIntegerField()
    reason = models.CharField(max_length=16, choices=LinkReason.choices)
    seen_at = models.DateTimeField()
    event_id = models.BigIntegerField()

    class Meta:
        db_table = "sighting"
        indexes = [models.Index(fields=["with_origin_id"])]

    def __str__(self) -> str:
        return f"{self.origin_id} with {self.with_origin_id}"
