"""The dashboard's panels about segments."""

from datetime import datetime

from django.db.models import Count, F, Q
from django.http import HttpRequest
from django.urls import reverse

from cdp.dashboard import Panel, Width
from cdp.role_admin import may_see
from segments import queries
from segments.models import Segment

_SHOWN = 8


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
    heads = {head.key: head for head in _live_heads()}
    found = sorted(queries.summaries(heads.values()), key=lambda summary: -summary.size)
    rows = [(summary, _address(heads[summary.key])) for summary in found[:_SHOWN]]
    return Panel(
        key="segments",
        title="Segments",
        template="segments/dashboard/sizes.html",
        content={"rows": rows, "largest": found[0].size if found else 0, "more": max(0, len(found) - _SHOWN)},
        width=Width.HALF,
        rows=2,
        link=reverse("admin:segments_segment_changelist"),
    )


def _live_heads() -> list[Segment]:
    return list(Segment.objects.filter(live_version__isnull=False).select_related("live_version").order_by(F("name")))


def _address(head: Segment) -> str:
    return reverse("admin:segments_segment_change", args=[head.pk])
