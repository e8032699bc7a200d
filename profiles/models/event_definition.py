from django.db import models

from profiles.models.definition import Definition
from profiles.models.event import EventKind


class EventDefinition(Definition):
    name = models.TextField(unique=True)
    kind = models.SmallIntegerField(choices=EventKind.choices, default=EventKind.TRACK, db_default=EventKind.TRACK)
    count = models.BigIntegerField(default=0, db_default=0)  # an estimate: counted per claim, not per event

    class Meta:
        db_table = "event_definition"
        verbose_name = "event"
        verbose_name_plural = "events"

    def __str__(self) -> str:
        return self.name
