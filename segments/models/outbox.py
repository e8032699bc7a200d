from django.db import models


class Change(models.TextChoices):
    ENTERED = "entered"
    LEFT = "left"
    TAGGED = "tagged", "tag added"
    UNTAGGED = "untagged", "tag removed"


class Outbox(models.Model):
    """A change of a membership or a tag on its way out, written in the transaction that made it.

    `membership_id` is the stay, or the tagging where a tag came or went. Readers claim rows with FOR UPDATE SKIP
    LOCKED, never by a remembered id: ids do not follow commit order. A row is deleted when its messages are made.
    """

    profile_id = models.BigIntegerField()
    segment_id = models.BigIntegerField()
    change = models.CharField(max_length=8, choices=Change)
    membership_id = models.BigIntegerField()
    version_id = models.BigIntegerField()
    at = models.DateTimeField()
    tag = models.TextField(blank=True, default="", db_default="")

    class Meta:
        db_table = "outbox"

    def __str__(self) -> str:
        return f"{self.profile_id} {self.change} {self.segment_id}"
