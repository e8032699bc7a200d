from django.db import models


class Lane(models.Model):
    """The row whose lock makes its holder the single writer for this share of the people."""

    id = models.SmallIntegerField(primary_key=True)

    class Meta:
        db_table = "lane"

    def __str__(self) -> str:
        return str(self.id)
