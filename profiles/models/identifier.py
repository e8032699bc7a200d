from django.db import models


class IdentifierType(models.TextChoices):
    """The types that need no rule. What is known is asked of `profiles.identity.rules.known_types`."""

    USER_ID = "user_id"
    ANONYMOUS_ID = "anonymous_id"
    EMAIL = "email"
    PHONE = "phone"


class Identifier(models.Model):
    """A name somebody goes by, found by its keyed hash."""

    pk = models.CompositePrimaryKey("type", "hash")
    type = models.TextField()  # one of the live rule's, or of an earlier one's
    hash = models.BinaryField()
    value = models.TextField()
    origin_id = models.BigIntegerField(db_index=True)
    event_id = models.BigIntegerField()
    first_seen_at = models.DateTimeField()
    # The live rule calls it nobody's: it stays its events' own, and joins nobody.
    is_blocked = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "identifier"

    def __str__(self) -> str:
        return self.type
