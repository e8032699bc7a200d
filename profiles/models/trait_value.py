from django.db import models


class TraitMethod(models.IntegerChoices):
    """How a value came to be known; a higher class wins over a lower one, whatever its age."""

    INFERRED = 0  # from what an event carried along, such as a user agent: see `context.last_known`
    IMPUTED = 1
    OBSERVED = 2
    VERIFIED = 3


class TraitValue(models.Model):
    """Every value ever stated for a trait. Append-only: time travel and an undone merge refold these rows."""

    id = models.BigAutoField(primary_key=True)
    origin_id = models.BigIntegerField()
    name = models.TextField()
    value = models.JSONField(null=True)
    method = models.SmallIntegerField(choices=TraitMethod.choices)
    source_id = models.BigIntegerField()
    source_priority = models.SmallIntegerField()
    observed_at = models.DateTimeField()
    event_id = models.BigIntegerField()
    applied_at = models.DateTimeField()
    confidence = models.FloatField(default=1.0)

    class Meta:
        db_table = "trait_value"
        # The winner of a trait is the first entry of its origins here, however often the trait was stated.
        indexes = [
            models.Index(
                "origin_id",
                "name",
                models.F("method").desc(),
                models.F("source_priority").desc(),
                models.F("observed_at").desc(),
                models.F("event_id").desc(),
                name="trait_value_winner",
            )
        ]

    def __str__(self) -> str:
        return self.name
