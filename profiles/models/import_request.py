from django.contrib.postgres.fields import ArrayField
from django.db import models


class ImportRequest(models.Model):
    """Which rows of a file went into which stored request: what becomes of an event is told of its row."""

    inbox_id = models.BigIntegerField(primary_key=True)
    job = models.ForeignKey("cdp.Job", on_delete=models.CASCADE, related_name="+")
    rows = ArrayField(models.BigIntegerField())  # by the position of the event in the request

    class Meta:
        db_table = "import_request"

    def __str__(self) -> str:
        return f"request {self.inbox_id} of job {self.job_id}"
