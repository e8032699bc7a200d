"""The catalogue that rules are checked against: what traffic taught about people and events, and the live purposes."""

from zoneinfo import ZoneInfo

from django.conf import settings

from consent.catalogue import live_purposes
from profiles.facts.values import ValueType
from profiles.models import EventDefinition, PropertyDefinition, TraitDefinition
from segments.rules.vocabulary import Catalogue


def load_catalogue() -> Catalogue:
    """Read the catalogue as of this statement."""
    return Catalogue(
        traits={name: ValueType(kind) for name, kind in TraitDefinition.objects.values_list("name", "type")},
        events=frozenset(EventDefinition.objects.values_list("name", flat=True)),
        properties={
            (event, name): ValueType(kind)
            for event, name, kind in PropertyDefinition.objects.values_list("event_name", "name", "type")
        },
        purposes=frozenset(live_purposes()),
    )


def workspace_zone() -> ZoneInfo:
    """The zone in which bare dates and local times of rules are read."""
    return ZoneInfo(settings.CDP_TIME_ZONE)
