"""The catalogue that rules are checked against: what traffic taught about people and events, and the live purposes."""

from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from consent.catalogue import live_purposes
from profiles.facts.values import ValueType
from profiles.models import EventDefinition, PropertyDefinition, TraitDefinition
from segments.models import Segment
from segments.rules.nodes import Rule
from segments.rules.parser import parse
from segments.rules.vocabulary import Catalogue


class LiveRules(Mapping[str, Rule]):
    """The live rules by their segment's key, each parsed when it is first asked for: few are nested."""

    def __init__(self, documents: Mapping[str, Any]) -> None:
        self._documents = documents
        self._parsed: dict[str, Rule] = {}

    def __getitem__(self, key: str) -> Rule:
        if key not in self._parsed:
            self._parsed[key] = parse(self._documents[key])
        return self._parsed[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)

    def __contains__(self, key: object) -> bool:
        return key in self._documents


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
        segments=_live_rules(),
    )


def _live_rules() -> LiveRules:
    live = Segment.objects.filter(live_version__isnull=False)
    return LiveRules(dict(live.values_list("key", "live_version__content__rule")))


def workspace_zone() -> ZoneInfo:
    """The zone in which bare dates and local times of rules are read."""
    return ZoneInfo(settings.CDP_TIME_ZONE)
