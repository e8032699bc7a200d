from django.db import models


class RetiredMonth(models.Model):
    """A month of events that is not kept any more: how far it was taken out, and when its table was dropped."""

    month = models.DateField(primary_key=True)
    detached_at = models.DateTimeField()
    after_origin = models.BigIntegerField(default=-(2**63), db_default=-(2**63))
    events = models.BigIntegerField(default=0, db_default=0)
    dropped_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "retired_month"

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"
