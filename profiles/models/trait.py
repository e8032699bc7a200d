from django.db import models

from profiles.models.trait_value import TraitMethod


class Trait(models.Model):
    """The value of a trait that wins for a person now. A null value is a tombstone: stated, and stated to be gone."""

    pk = models.CompositePrimaryKey("profile_id", "name")
    profile_id = models.BigIntegerField()
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
        db_table = "trait"

    def __str__(self) -> str:
        return self.name
