from django.db import models


class ValueType(models.TextChoices):
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    LIST = "list"
    OBJECT = "object"


class PersonalClass(models.TextChoices):
    NONE = "none"
    PERSONAL = "personal"
    SENSITIVE = "sensitive"


class DefinitionStatus(models.TextChoices):
    PROPOSED = "proposed"  # learned from traffic
    CONFIRMED = "confirmed"  # a person looked at it; traffic no longer changes its type


class Definition(models.Model):
    """What the catalogue knows about a name that traffic uses. Learned names are proposals until confirmed."""

    description = models.TextField(default="", db_default="", blank=True)
    personal_class = models.CharField(
        max_length=16, choices=PersonalClass.choices, default=PersonalClass.NONE, db_default=PersonalClass.NONE
    )
    purpose = models.TextField(default="", db_default="", blank=True)
    first_seen_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(
        max_length=16,
        choices=DefinitionStatus.choices,
        default=DefinitionStatus.PROPOSED,
        db_default=DefinitionStatus.PROPOSED,
    )

    class Meta:
        abstract = True
