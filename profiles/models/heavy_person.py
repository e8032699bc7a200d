from django.db import models


class HeavyPerson(models.Model):
    """Somebody whose history is so long that they are evaluated in turns of their own."""

    profile_id = models.BigIntegerField(primary_key=True)

    class Meta:
        db_table = "heavy_person"

    def __str__(self) -> str:
        return str(self.profile_id)
