from django.db import models


class LastContext(models.Model):
    """What one origin's events last told of device, place, time zone and campaign, each with its event.

    Per origin, so that it follows one that changes hands, and with exact times, by which the next telling is measured;
    the person's traits are folded from it. `told` is read and written by `profiles.context.latest` alone.
    """

    origin_id = models.BigIntegerField(primary_key=True)
    told = models.JSONField()

    class Meta:
        db_table = "last_context"

    def __str__(self) -> str:
        return str(self.origin_id)
