"""What the builder is drawn from: the language as data, and the names that a rule may use."""

from collections.abc import Mapping
from typing import Any

from segments import content
from segments.catalogue import load_catalogue, workspace_zone
from segments.models import Segment, UploadedList
from segments.rules import language
from segments.rules.thresholds import THRESHOLD_OPS
from segments.rules.vocabulary import MAX_DEPTH, Catalogue


def vocabulary(*, besides: str = "") -> Mapping[str, Any]:
    """Everything the page needs before it asks anything; `besides` is the segment that is being written."""
    catalogue = load_catalogue()
    return {
        "language": {**language.document(), "thresholds": {"operators": sorted(THRESHOLD_OPS)}},
        "names": _names(catalogue, besides),
        "fields": sorted(content.FIELDS),
        "limits": {"depth": MAX_DEPTH},
        "zone": str(workspace_zone()),
    }


def _names(catalogue: Catalogue, besides: str) -> dict[str, Any]:
    called = dict(Segment.objects.filter(key__in=list(catalogue.segments)).values_list("key", "name"))
    return {
        "traits": [{"name": name, "type": str(kind)} for name, kind in sorted(catalogue.traits.items())],
        "events": [{"name": name} for name in sorted(catalogue.events)],
        "properties": [
            {"event": event, "name": name, "type": str(kind)}
            for (event, name), kind in sorted(catalogue.properties.items())
        ],
        "purposes": sorted(catalogue.purposes),
        "segments": [
            {"key": key, "name": called.get(key, key)} for key in sorted(catalogue.segments) if key != besides
        ],
        "lists": list(UploadedList.objects.order_by("name").values("key", "name")),
    }
