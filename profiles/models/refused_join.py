from django.db import models


class JoinRefusal(models.TextChoices):
    LIMIT = "limit"  # the person would have had too many identifiers of a type
    UNIQUE = "unique"  # both people have one of a type of which nobody has two
    SEPARATED = "separated"  # somebody decided that these are two people
    BLOCKED = "blocked"  # the rule says that one of the two is nobody's identifier


class RefusedJoin(models.Model):
    """A sighting that would join two people and does not, as things stand now. Computed with every grouping.

    The history of it is in `link`; here is what a grouping has to look at again when either side changes.
    """

    pk = models.CompositePrimaryKey("origin_id", "with_origin_id")
    origin_id = models.BigIntegerField()
    with_origin_id = models.BigIntegerField()
    reason = models.CharField(max_length=16, choices=JoinRefusal.choices)
    kind = models.TextField(default="", db_default="")  # the type whose limit was reached
    most = models.IntegerField(null=True)
    seen_at = models.DateTimeField()
    event_id = models.BigIntegerField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "refused_join"
        indexes = [models.Index(fields=["with_origin_id"])]

    def __str__(self) -> str:
        return f"{self.origin_id} not with {self.with_origin_id}"
