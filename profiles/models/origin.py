from django.db import models


class Origin(models.Model):
    """A node of the identity graph and the person it belongs to now.

    Every identifier has an origin of its own and so has every profile (same id as the profile's), which is why a
    device can change hands, and an old profile id keep resolving, without one event being rewritten.
    """

    id = models.BigIntegerField(primary_key=True)
    root_id = models.BigIntegerField(db_index=True)
    bucket = models.SmallIntegerField()
    # Counted per origin, so that a person's figures stay exact when an origin changes hands.
    event_count = models.BigIntegerField(default=0, db_default=0)
    first_seen_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "origin"

    def __str__(self) -> str:
        return str(self.id)
