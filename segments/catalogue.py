"""The catalogue that rules are checked against: what traffic taught about people and events, and the live purposes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from consent.catalogue import live_purposes
from profiles.facts.contexts import LAST_KNOWN
from profiles.facts.values import ValueType
from profiles.models import EventDefinition, PropertyDefinition, TraitDefinition
from segments.models import Segment, UploadedList
from segments.rules.nodes import Rule
from segments.rules.parser import parse
from segments.rules.resolving import with_taken
from segments.rules.thresholds import Taken
from segments.rules.vocabulary import Catalogue
from segments.thresholds.force import in_force


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """What is live for a segment: the version, its hash, and its rule as JSON."""

    version_id: int
    content_hash: str
    document: Any


class LiveRules(Mapping[str, Rule]):
    """The live rules by their segment's key, with their thresholds as they stand; each parsed when first asked for."""

    def __init__(self, live: Mapping[str, LiveVersion], taken: Mapping[int, Mapping[str, Taken]]) -> None:
        self._live = live
        self._taken = taken
        self._parsed: dict[str, Rule] = {}

    def version_of(self, key: str) -> int | None:
        return self._live[key].version_id if key in self._live else None

    def hash_of(self, key: str) -> str:
        return self._live[key].content_hash

    def __getitem__(self, key: str) -> Rule:
        if key not in self._parsed:
            live = self._live[key]
            self._parsed[key] = with_taken(parse(live.document), self._taken.get(live.version_id, {}))
        return self._parsed[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._live)

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, key: object) -> bool:
        return key in self._live


def load_catalogue() -> Catalogue:
    """Read the catalogue as of this statement."""
    return Catalogue(
        traits=dict.fromkeys(LAST_KNOWN, ValueType.TEXT)
        | {name: ValueType(kind) for name, kind in TraitDefinition.objects.values_list("name", "type")},
        events=frozenset(EventDefinition.objects.values_list("name", flat=True)),
        properties={
            (event, name): ValueType(kind)
            for event, name, kind in PropertyDefinition.objects.values_list("event_name", "name", "type")
        },
        purposes=frozenset(live_purposes()),
        segments=_live_rules(),
        lists=frozenset(UploadedList.objects.values_list("key", flat=True)),
    )


def _live_rules() -> LiveRules:
    rows = Segment.objects.filter(live_version__isnull=False).values_list(
        "key", "live_version_id", "live_version__content_hash", "live_version__content__rule"
    )
    live = {key: LiveVersion(*rest) for key, *rest in rows}
    return LiveRules(live, in_force(version.version_id for version in live.values()))


def workspace_zone() -> ZoneInfo:
    """The zone in which bare dates and local times of rules are read."""
    return ZoneInfo(settings.CDP_TIME_ZONE)
