"""What a column of the population comes to: one query, whatever number of percentiles is asked of it.

The column is what the rule's own leaf observes, in the statement that the lanes decide by: there is no second way to
count or add up. Who has no value is left out. Percentiles are continuous ones (`percentile_cont`: between two people
the value lies between theirs), deviations those of a sample (n - 1). Both are computed in double precision, which is
what `percentile_cont` knows, and rounded to the nine digits that rules compare with.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from profiles.facts import postgres
from profiles.facts.relations import Reading
from profiles.facts.values import number
from segments.catalogue import workspace_zone
from segments.judging import compiled
from segments.rules.language import MEASURES
from segments.rules.nodes import EventLeaf, Period, Rule, TraitLeaf, Within
from segments.rules.reads import trait_column
from segments.rules.resolving import Measured
from segments.rules.sentences import sentence
from segments.rules.thresholds import Statistic, Threshold
from segments.rules.vocabulary import Catalogue

_FIGURES = """
SELECT count(x), avg(x), stddev_samp(x), percentile_cont(%(shares)s::float8[]) WITHIN GROUP (ORDER BY x)
  FROM (SELECT x::float8 AS x FROM ({values}) AS exact OFFSET 0) AS measured
"""


@dataclass(frozen=True, slots=True)
class Column:
    """What is measured, and over whom: the key of a segment, or None for everybody of known value."""

    leaf: TraitLeaf | EventLeaf
    over: str | None

    @property
    def digest(self) -> str:
        """Finds snapshots of the same column again."""
        return hashlib.sha256(repr((self.leaf, self.over)).encode()).hexdigest()

    @property
    def words(self) -> str:
        return _words(self.leaf)


@dataclass(frozen=True, slots=True)
class Figures:
    """A column at one moment. What cannot be said of so few people is None."""

    people: int
    mean: Decimal | None
    deviation: Decimal | None
    percentiles: Mapping[Decimal, Decimal]
    taken_at: datetime

    def of(self, threshold: Threshold) -> Decimal | None:
        """The value of a threshold over this column."""
        if threshold.statistic is Statistic.PERCENTILE:
            return self.percentiles.get(threshold.amount)
        if self.mean is None or self.deviation is None:
            return None
        return number(self.mean + threshold.amount * self.deviation)


def measure(*, column: Column, percentiles: Iterable[Decimal], catalogue: Catalogue, now: datetime) -> Figures:
    """Measure a column as of `now`. Raises Refused where the catalogue does not know what it reads."""
    wanted = sorted(set(percentiles))
    shares = [float(share / 100) for share in wanted]
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES.format(values=_values(column, catalogue)), {"ids": None, "now": now, "shares": shares})
        people, mean, deviation, found = cursor.fetchone()
    values = {share: number(raw) for share, raw in zip(wanted, found or (), strict=False)}
    known = {share: value for share, value in values.items() if value is not None}
    return Figures(people, number(mean), number(deviation), known, now)


def _values(column: Column, catalogue: Catalogue) -> str:
    """A select of the column as `x`. A trait over everybody is read as it is: there is no rule to decide."""
    if column.over is None and isinstance(column.leaf, TraitLeaf) and column.leaf.trait in catalogue.traits:
        trait = trait_column(column.leaf, catalogue=catalogue)
        body = f'SELECT "{trait.name}" AS x FROM people'
        return postgres.statement(reading=Reading.of(traits=[trait]), body=body, zone=str(workspace_zone()))
    rules: dict[str, Rule] = {"measured": column.leaf}
    if column.over is not None:
        rules["population"] = catalogue.segments[column.over]
    statement = compiled(rules, catalogue=catalogue, leaves=True)
    (place,) = statement.leaves["measured"]
    among = f" WHERE {statement.values['population']}" if column.over is not None else ""
    return f"SELECT {place.observed} AS x FROM ({statement.sql}) AS decided{among}"


def column_of(measured: Measured) -> Column:
    return Column(measured.leaf, measured.threshold.over)


def _words(leaf: TraitLeaf | EventLeaf) -> str:
    if isinstance(leaf, TraitLeaf):
        return leaf.trait
    what = f"“{leaf.event}”" if leaf.of is None else f"{leaf.of} of “{leaf.event}”"
    condition = "" if leaf.where is None else f" where {sentence(leaf.where)}"
    match leaf.window:
        case Within(amount, unit):
            when = f" in the last {amount} {unit.noun}{'' if amount == 1 else 's'}"
        case Period(start, end):
            when = "".join([f" from {start}" if start else "", f" up to {end}" if end else ""])
        case _:
            when = ""
    return f"{MEASURES[leaf.measure].label} of {what}{condition}{when}"
