from django.db import models


class ImportFault(models.Model):
    """A row of an imported file that made no event: where, what kind of value stood there, and why. Never the value."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey("cdp.Job", on_delete=models.CASCADE, related_name="+", db_index=False)
    row = models.BigIntegerField()
    column = models.TextField(default="")
    value_class = models.TextField(default="")
    reason = models.TextField()

    class Meta:
        db_table = "import_fault"
        indexes = [models.Index(fields=["job", "row"], name="import_fault_of_job")]

    def __str__(self) -> str:
        return f"row {self.row} of job {self.job_id}"
