from django.db import models


class Change(models.TextChoices):
    ENTERED = "entered"
    LEFT = "left"


class Outbox(models.Model):
    """A membership change on its way out, written in the transaction that made it and deleted once delivered.

    Readers claim rows with FOR UPDATE SKIP LOCKED, never by a remembered id: ids do not follow commit order.
    """

    profile_id = models.BigIntegerField()
    segment_id = models.BigIntegerField()
    change = models.CharField(max_length=8, choices=Change)
    membership_id = models.BigIntegerField()
    version_id = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        db_table = "outbox"

    def __str__(self) -> str:
        return f"{self.profile_id} {self.change} {self.segment_id}"
