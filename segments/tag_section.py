"""What segments put on a person: every tag, with the rules that put it and since when, for the page and the package."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from profiles.subject import Place, Section
from segments.models import Membership, Tagging
from segments.tags import FIELD

_SHOWN = 200


def tags(profile_id: int, now: datetime, /) -> Section:
    """Present tags first, each with the versions that carry it now; then past ones, latest first."""
    found = list(
        Tagging.objects.filter(profile_id=profile_id).select_related("segment", "version").order_by("-id")[:_SHOWN]
    )
    carriers = _carriers(profile_id)
    present_first = sorted(found, key=lambda tagging: tagging.withdrawn_at is not None)
    return Section(
        key="tags",
        title="Tags",
        rows=tuple(
            {
                "tag": tagging.tag,
                "by": carriers.get(tagging.tag, []) if tagging.withdrawn_at is None else [],
                "put_by": {"segment": tagging.segment.key, "version": tagging.version.number},
                "given_at": tagging.given_at,
                "withdrawn_at": tagging.withdrawn_at,
            }
            for tagging in present_first
        ),
        empty="No rule has put a tag on this person.",
        template="segments/subject/tags.html",
        place=Place.SIDE,
        more={
            "current": sum(tagging.withdrawn_at is None for tagging in found),
            "past": sum(tagging.withdrawn_at is not None for tagging in found),
        },
    )


def _carriers(profile_id: int) -> Mapping[str, list[Mapping[str, object]]]:
    stays = Membership.objects.current().filter(profile_id=profile_id, standing_version__content__has_key=FIELD)
    carriers: defaultdict[str, list[Mapping[str, object]]] = defaultdict(list)
    for stay in stays.select_related("segment", "standing_version").order_by("entered_at", "id"):
        told = {"segment": stay.segment.key, "version": stay.standing_version.number, "entered_at": stay.entered_at}
        carriers[stay.standing_version.content[FIELD]].append(told)
    return carriers
