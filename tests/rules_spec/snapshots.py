"""Snapshots of a population that was never there: whatever is measured, a statistic comes to what the test says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from profiles.facts.values import number
from segments.rules.resolving import Measured
from segments.rules.thresholds import Taken, short


@dataclass(frozen=True)
class Snapshots(Mapping[Any, Taken]):
    """By the statistic as formulas write it, `p80` or `mean + 2 SD`; None where there was nobody to take it from."""

    values_of: Mapping[str, int | float | None]
    people: int
    taken_at: datetime

    def __getitem__(self, measured: Measured) -> Taken:
        value = self.values_of[short(measured.threshold)]
        return Taken(measured.threshold, None if value is None else number(value), self.people, self.taken_at)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values_of)

    def __len__(self) -> int:
        return len(self.values_of)
