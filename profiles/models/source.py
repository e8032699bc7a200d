from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models

from cdp.governance.models import GovernedHead


class SourceKind(models.TextChoices):
    SERVER = "server"
    BROWSER = "browser"
    IMPORT = "import"


class Source(GovernedHead):
    """Where events come from. A lower priority number loses against a higher one when two sources state a trait.

    A source's first event makes it, with these defaults and without an owner. `kind` and `priority` repeat what the
    live version says (migration 0004 holds them to that), for statements that join them.
    """

    governed = "profiles.plans.sources.SOURCES"

    key = models.SlugField(
        max_length=100,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9_-]*\Z", "Use lower-case letters, digits, - and _.")],
        help_text="The name that write keys use. It cannot change later.",
    )
    owner = models.ForeignKey(  # type: ignore[assignment]  # of a source that traffic made, nobody
        "cdp.User", models.PROTECT, related_name="+", null=True, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True, editable=False)
    kind = models.CharField(max_length=16, choices=SourceKind.choices, default=SourceKind.SERVER)
    priority = models.SmallIntegerField(default=100)
    live_version = models.ForeignKey(
        "profiles.SourceVersion", models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        db_table = "source"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(kind__in=SourceKind.values), name="source_kind_known"),
        ]
