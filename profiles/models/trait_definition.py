from django.db import models

from profiles.models.definition import Definition, ValueType


class TraitDefinition(Definition):
    name = models.TextField(unique=True)
    type = models.CharField(max_length=16, choices=ValueType.choices, default=ValueType.TEXT)

    class Meta:
        db_table = "trait_definition"
        verbose_name = "trait"
        verbose_name_plural = "traits"

    def __str__(self) -> str:
        return self.name
