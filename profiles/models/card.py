from django.db import models


class Card(models.Model):
    """One section of what a read returns about a person, written ahead by whoever owns the section."""

    pk = models.CompositePrimaryKey("profile_id", "section")
    profile_id = models.BigIntegerField()
    section = models.TextField()
    body = models.JSONField()
    until = models.DateTimeField(null=True)
    written_at = models.DateTimeField()

    class Meta:
        db_table = "card"

    def __str__(self) -> str:
        return f"{self.section} of {self.profile_id}"
