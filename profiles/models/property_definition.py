from django.db import models

from profiles.models.definition import Definition, ValueType


class PropertyDefinition(Definition):
    event_name = models.TextField()
    name = models.TextField()
    type = models.CharField(max_length=16, choices=ValueType.choices, default=ValueType.TEXT)

    class Meta:
        db_table = "property_definition"
        verbose_name = "property"
        verbose_name_plural = "properties"
        constraints = [models.UniqueConstraint(fields=["event_name", "name"], name="property_definition_name")]

    def __str__(self) -> str:
        return f"{self.event_name}.{self.name}"
