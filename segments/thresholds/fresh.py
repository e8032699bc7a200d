"""Thresholds for whoever only looks, or asks for approval: from a recent snapshot, or measured on the spot.

A rule that is still a draft goes by no snapshot. What it would come to is measured when it is first asked for, and a
column once, however many of its thresholds are compared with. Nothing is stored here: what was measured for a request
stands in its evidence, and becomes the version's first snapshot when somebody approves it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from segments.catalogue import load_catalogue
from segments.models import Segment, ThresholdSnapshot
from segments.rules.nodes import Rule
from segments.rules.parser import Refused, read
from segments.rules.resolving import Measured, thresholds_in
from segments.rules.thresholds import Statistic, Taken, described, short
from segments.rules.vocabulary import Catalogue
from segments.thresholds.measuring import Column, Figures, column_of, measure

#: A snapshot of the same column that is not older than this is good enough to look at.
RECENT = timedelta(hours=1)


@dataclass
class FreshThresholds(Mapping[Any, Taken]):
    """Every threshold that the rules of a content ask for, taken as of `now`."""

    catalogue: Catalogue
    now: datetime
    wanted: tuple[Measured, ...]
    _columns: dict[Column, Figures | None] = field(default_factory=dict)

    def __getitem__(self, measured: Measured) -> Taken:
        figures = self.figures(column_of(measured))
        if figures is None:
            raise KeyError(measured)
        return Taken(measured.threshold, figures.of(measured.threshold), figures.people, figures.taken_at)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.wanted)

    def __len__(self) -> int:
        return len(self.wanted)

    def figures(self, column: Column) -> Figures | None:
        """The column's figures; None where it cannot be measured, which the checker says better."""
        if column not in self._columns:
            percentiles = {
                one.threshold.amount
                for one in self.wanted
                if column_of(one) == column and one.threshold.statistic is Statistic.PERCENTILE
            }
            self._columns[column] = self._recent(column, percentiles) or self._measured(column, percentiles)
        return self._columns[column]

    def _measured(self, column: Column, percentiles: set[Any]) -> Figures | None:
        if column.over is not None and column.over not in self.catalogue.segments:
            return None
        try:
            return measure(column=column, percentiles=percentiles, catalogue=self.catalogue, now=self.now)
        except Refused:
            return None

    def _recent(self, column: Column, percentiles: set[Any]) -> Figures | None:
        since = self.now - RECENT
        rows = ThresholdSnapshot.objects.filter(
            measure_hash=column.digest, taken_at__gt=since, taken_at__lte=self.now
        ).order_by("-taken_at", "id")
        latest = rows.first()
        if latest is None:
            return None
        same = rows.filter(taken_at=latest.taken_at, statistic=Statistic.PERCENTILE, value__isnull=False)
        values = {share: value for share, value in same.values_list("amount", "value") if value is not None}
        if percentiles - values.keys():
            return None
        return Figures(latest.people, latest.mean, latest.deviation, values, latest.taken_at)


def looking_catalogue(content: Any, *, now: datetime) -> Catalogue:
    """The catalogue of this moment, with the thresholds of a content's own rule taken, where it is a rule at all."""
    catalogue = load_catalogue()
    document = content.get("rule") if isinstance(content, Mapping) else None
    rule, problems = read(document)
    wanted = () if problems else tuple(dict.fromkeys(thresholds_in(rule).values()))  # type: ignore[arg-type]
    return replace(catalogue, thresholds=FreshThresholds(catalogue, now, wanted)) if wanted else catalogue


def evidence_of(rule: Rule, *, catalogue: Catalogue) -> list[dict[str, Any]]:
    """What a request for approval tells of the rule's thresholds, and keeps for the day it goes live."""
    fresh = catalogue.thresholds
    if not isinstance(fresh, FreshThresholds):
        return []
    told = []
    for path, measured in thresholds_in(rule).items():
        column = column_of(measured)
        figures = fresh.figures(column)
        if figures is not None:
            told.append({"path": path} | told_of(measured, figures))
    return told


def told_of(measured: Measured, figures: Figures) -> dict[str, Any]:
    """A threshold with its figures as JSON, exact numbers as text."""
    column = column_of(measured)
    over = Segment.objects.filter(key=column.over).first() if column.over else None
    return {
        "sentence": described(measured.threshold),
        "short": short(measured.threshold),
        "measure": column.words,
        "measure_hash": column.digest,
        "statistic": str(measured.threshold.statistic),
        "amount": f"{measured.threshold.amount:f}",
        "over": column.over,
        "over_version": over.live_version_id if over else None,
        "value": _text(figures.of(measured.threshold)),
        "people": figures.people,
        "mean": _text(figures.mean),
        "deviation": _text(figures.deviation),
        "taken_at": figures.taken_at.isoformat(),
    }


def _text(value: Any) -> str | None:
    return None if value is None else f"{value:f}"
