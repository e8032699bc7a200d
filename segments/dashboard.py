"""The dashboard's panels about segments."""

from datetime import datetime

from django.core.cache import cache
from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse

from cdp.dashboard import Panel, Width
from cdp.role_admin import may_see
from segments import queries
from segments.models import Segment

_SHOWN = 8
_REMEMBERED_SECONDS = 5  # counting members is cheap for one page and not for a room full of them


def live(request: HttpRequest, now: datetime, /) -> Panel | None:
    """How many segments are live, and how many wait."""
    if not may_see(request, Segment):
        return None
    counts = Segment.objects.aggregate(
        live=Count("id", filter=Q(live_version__isnull=False), distinct=True),
        waiting=Count("id", filter=Q(versions__state="review"), distinct=True),
    )
    waiting = f"{counts['waiting']} waiting for approval" if counts["waiting"] else "none waiting for approval"
    return Panel(
        key="live-segments",
        title="Live segments",
        template="cdp/dashboard/tile.html",
        content={"figure": f"{counts['live']:,}", "note": waiting},
        width=Width.TILE,
        link=reverse("admin:segments_segment_changelist"),
    )


def sizes(request: HttpRequest, now: datetime, /) -> Panel | None:
    """The live segments with their sizes, largest first."""
    if not may_see(request, Segment):
        return None
    found = cache.get_or_set("dashboard:segments", _largest_first, _REMEMBERED_SECONDS) or []
    return Panel(
        key="segments",
        title="Segments",
        template="segments/dashboard/sizes.html",
        content={
            "rows": found[:_SHOWN],
            "largest": found[0][0].size if found else 0,
            "more": max(0, len(found) - _SHOWN),
        },
        width=Width.HALF,
        rows=2,
        link=reverse("admin:segments_segment_changelist"),
    )


def _largest_first() -> list[tuple[queries.Summary, str]]:
    """The live segments and their addresses."""
    live = Segment.objects.filter(live_version__isnull=False).select_related("live_version")
    heads = {head.key: head for head in live.order_by("name")}
    found = sorted(queries.summaries(heads.values()), key=lambda summary: -summary.size)
    return [(summary, reverse("admin:segments_segment_change", args=[heads[summary.key].pk])) for summary in found]
