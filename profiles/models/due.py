from django.db import models


class Due(models.Model):
    """The next moment at which time alone could change a decision about this person."""

    profile_id = models.BigIntegerField(primary_key=True)
    bucket = models.SmallIntegerField()
    due_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "due"

    def __str__(self) -> str:
        return str(self.profile_id)
