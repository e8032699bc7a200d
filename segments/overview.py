"""The live segments side by side: how their sizes went, and how many people every two of them share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.urls import reverse

from segments import history, plots, queries
from segments.models import Segment
from segments.queries import Summary

#: The matrix grows with the square; the largest ones are where overlap matters.
MOST_SEGMENTS = 12
# Counting who is in both reads every membership of these segments: cheap for one reader, not for a room full of them.
_REMEMBERED_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One segment's row: its summary, its page, and its size over the period."""

    summary: Summary
    address: str
    plot: plots.SizePlot
    first: int
    last: int
    entered: int
    left: int


@dataclass(frozen=True, slots=True)
class Cell:
    """How many of the row's people are in the column's segment too; `percent` of the row, 0 to 100."""

    people: int
    percent: int


@dataclass(frozen=True, slots=True)
class MatrixRow:
    name: str
    cells: tuple[Cell, ...]


def overview(*, period: int, now: datetime) -> Mapping[str, Any]:
    """Return what the page shows: every live segment's line, largest first, and the matrix of the largest ones."""
    live = {one.key: one for one in Segment.objects.filter(live_version__isnull=False).select_related("live_version")}
    summaries = sorted(queries.summaries(live.values()), key=lambda one: (-one.size, one.key))
    shown = summaries[:MOST_SEGMENTS]
    heads = [live[one.key] for one in shown]
    told = cache.get_or_set(
        f"segments:overlap:{','.join(str(head.pk) for head in heads)}",
        lambda: history.overlap(segments=heads, now=now),
        _REMEMBERED_SECONDS,
    )
    last = now.astimezone(UTC).date()
    first = last - timedelta(days=period - 1)
    return {
        "lines": [_line(one, live[one.key], first=first, last=last) for one in shown],
        "more": len(summaries) - len(shown),
        "names": [head.name for head in heads],
        "matrix": _matrix(heads, told) if told else [],
        "as_of": told.as_of if told else now,
        "period": period,
        "first": first,
        "last": last,
    }


def _line(summary: Summary, segment: Segment, *, first: Any, last: Any) -> Line:
    days = history.days(segment_id=segment.pk, first=first, last=last)
    return Line(
        summary=summary,
        address=reverse("admin:segments_segment_change", args=[segment.pk]),
        plot=plots.size_plot(days, history.published(segment_id=segment.pk, first=first, last=last)),
        first=days[0].size + days[0].left - days[0].entered,
        last=days[-1].size,
        entered=sum(day.entered for day in days),
        left=sum(day.left for day in days),
    )


def _matrix(heads: list[Segment], told: history.Overlap) -> list[MatrixRow]:
    """A share below one percent is rounded up to it, so that "0 %" says nobody."""
    rows = []
    for row in heads:
        members = told.both.get((row.pk, row.pk), 0)
        counts = [told.both.get((row.pk, column.pk), 0) for column in heads]
        rows.append(MatrixRow(row.name, tuple(Cell(both, _percent(both, members)) for both in counts)))
    return rows


def _percent(part: int, whole: int) -> int:
    return max(1, round(100 * part / whole)) if part and whole else 0
