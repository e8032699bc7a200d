from django.db import models


class SubjectKey(models.Model):
    """The evidence key of one subject, wrapped by the installation's. Deleting it shreds every private part under it.

    The row is also what a writer of somebody's consent locks, so that two writers agree on where the person stands.
    """

    origin_id = models.BigIntegerField(primary_key=True)
    wrapped = models.BinaryField(max_length=60)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "consent_subject_key"

    def __str__(self) -> str:
        return f"key of {self.origin_id}"
