from django.db import models


class RefusedIdentifier(models.Model):
    """A value that the rule calls nobody's, which events of a person carried: counted, and not an identifier."""

    pk = models.CompositePrimaryKey("origin_id", "type", "value")
    origin_id = models.BigIntegerField()  # whose events carried it
    type = models.TextField()
    value = models.TextField()
    count = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        db_table = "refused_identifier"
        indexes = [models.Index(fields=["last_at"])]

    def __str__(self) -> str:
        return self.type
