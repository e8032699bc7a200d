from django.db import models


class SourceKind(models.TextChoices):
    SERVER = "server"
    BROWSER = "browser"
    IMPORT = "import"


class Source(models.Model):
    """Where events come from. A lower priority number loses against a higher one when two sources state a trait."""

    key = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=SourceKind.choices, default=SourceKind.SERVER)
    priority = models.SmallIntegerField(default=100)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "source"

    def __str__(self) -> str:
        return self.name
