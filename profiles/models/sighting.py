from django.db import models


class SightingKind(models.IntegerChoices):
    TOGETHER = 1  # a device with a user id or an e-mail address: evidence, the first user keeps the device
    STATED = 2  # an e-mail address with a user id, or an alias: a statement, it always joins


class Sighting(models.Model):
    """Two identifiers seen together: an edge of the identity graph, with the earliest event that says so.

    Grouping is computed from these rows and nothing else, so the order in which events arrive cannot matter.
    """

    pk = models.CompositePrimaryKey("origin_id", "with_origin_id", "kind")
    origin_id = models.BigIntegerField()
    with_origin_id = models.BigIntegerField()
    kind = models.SmallIntegerField(choices=SightingKind.choices)
    seen_at = models.DateTimeField()
    event_id = models.BigIntegerField()

    class Meta:
        db_table = "sighting"
        indexes = [models.Index(fields=["with_origin_id"])]

    def __str__(self) -> str:
        return f"{self.origin_id} with {self.with_origin_id}"
