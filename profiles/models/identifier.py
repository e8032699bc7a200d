from django.db import models


class IdentifierType(models.TextChoices):
    USER_ID = "user_id"
    ANONYMOUS_ID = "anonymous_id"
    EMAIL = "email"


class Identifier(models.Model):
    """A name somebody goes by, found by its keyed hash."""

    pk = models.CompositePrimaryKey("type", "hash")
    type = models.TextField(choices=IdentifierType.choices)
    hash = models.BinaryField()
    value = models.TextField()
    origin_id = models.BigIntegerField(db_index=True)
    event_id = models.BigIntegerField()
    first_seen_at = models.DateTimeField()

    class Meta:
        db_table = "identifier"

    def __str__(self) -> str:
        return self.type
