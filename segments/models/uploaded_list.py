from django.core.validators import RegexValidator
from django.db import models


class UploadedList(models.Model):
    """Names of people that somebody brought in a file, for rules to ask who is on it. Its entries have a table."""

    key = models.CharField(
        max_length=50,
        unique=True,
        validators=[
            RegexValidator(r"^[a-z][a-z0-9_-]*\Z", "Use lower-case letters, digits, - and _; begin with a letter.")
        ],
        help_text="The name by which rules ask for it. It cannot change later.",
    )
    name = models.CharField(max_length=200)
    created_by = models.ForeignKey("cdp.User", models.PROTECT, related_name="+")
    created_at = models.DateTimeField(editable=False)

    class Meta:
        db_table = "uploaded_list"

    def __str__(self) -> str:
        return self.name
