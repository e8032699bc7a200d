"""Plots as shapes in percent of their box: drawn on the server, coloured by the style sheet, with their table beside.

Nothing is written into the picture itself, so that a phone's narrow one stretches shapes and no letters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from segments.history import Day, Published

#: A picture's box; the page stretches it.
WIDTH, HEIGHT = 1000, 200


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on the time axis: its place as a share of the width, and what it says."""

    left: str
    label: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SizePlot:
    """A segment's size as a line and the area below it; `marks` are where another version went live."""

    line: str
    area: str
    most: int
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A day's entries, upward from the middle, and exits, downward: heights as shares of their half."""

    day: Day
    x: str
    width: str
    up: float
    down: float


@dataclass(frozen=True, slots=True)
class FlipPlot:
    bars: tuple[Bar, ...]
    most: int


def size_plot(days: Sequence[Day], published: Sequence[Published]) -> SizePlot:
    """Draw the size at the end of each day, from nothing up."""
    most = max((one.size for one in days), default=0)
    points = [
        (WIDTH * (number + 1) / len(days), HEIGHT * (1 - one.size / most) if most else HEIGHT)
        for number, one in enumerate(days)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in ((0, points[0][1]), *points)) if points else ""
    area = f"0,{HEIGHT} {line} {WIDTH},{HEIGHT}" if line else ""
    return SizePlot(line, area, most, tuple(_marks(days, published)))


def flip_plot(days: Sequence[Day]) -> FlipPlot:
    """Draw who entered upward and who left downward, both on one scale."""
    most = max((max(one.entered, one.left) for one in days), default=0)
    step = WIDTH / len(days) if days else WIDTH
    half = HEIGHT / 2
    return FlipPlot(
        tuple(
            Bar(
                one,
                f"{number * step + step * 0.12:.1f}",
                f"{step * 0.76:.1f}",
                round(half * one.entered / most, 1) if most else 0,
                round(half * one.left / most, 1) if most else 0,
            )
            for number, one in enumerate(days)
        ),
        most,
    )


def _marks(days: Sequence[Day], published: Sequence[Published]) -> list[Mark]:
    """Publications inside the period; the version in force before it has no place on the axis."""
    if not days:
        return []
    start, seconds = _midnight(days[0].day), 86_400 * len(days)
    return [
        Mark(
            f"{100 * (one.at - start).total_seconds() / seconds:.2f}%",
            "retired" if one.version is None else f"v{one.version}",
            one.at,
        )
        for one in published
        if one.at >= start
    ]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
