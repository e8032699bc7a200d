"""The stages over events: from events to one row per person with what every event leaf needs. See `compiler`."""

from collections.abc import Sequence
from datetime import tzinfo
from functools import reduce
from operator import and_

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import Measure, count, in_period, moment, newest, since, total
from profiles.facts.relations import Relations
from profiles.facts.values import ValueType, instant
from segments.rules.conditions import measured, where
from segments.rules.due import NEVER, Timed
from segments.rules.nodes import EventLeaf, Period, PropertyLeaf, Within
from segments.rules.reads import property_column, sum_column
from segments.rules.vocabulary import Catalogue
from segments.rules.walks import Walk, series_of, walk_of


class EventStages:
    """The distinct event leaves of a part, each with its series' number and its walk."""

    def __init__(
        self, tables: Relations, leaves: tuple[EventLeaf, ...], *, catalogue: Catalogue, zone: tzinfo
    ) -> None:
        self.tables = tables
        self.leaves = leaves
        self.catalogue = catalogue
        self.zone = zone
        self._walks = {leaf: walk for leaf in leaves if (walk := walk_of(leaf)) is not None}
        self._series: dict[EventLeaf, int] = {}
        for leaf in leaves:
            self._series.setdefault(series_of(leaf), len(self._series))
        self._numbers = {leaf: self._series[series_of(leaf)] for leaf in leaves}
        # An event of the future changes nothing before it happens. The first one of the leaf's name and period is
        # looked at, whatever its properties: sound, and no more columns than names.
        self._futures = {key: number for number, key in enumerate(dict.fromkeys(map(_future_of, leaves)))}
        self._places = {leaf: place for place, leaf in enumerate(leaves)}
        self._ordered = {self._numbers[leaf] for leaf, walk in self._walks.items() if walk.needs_order}

    def totals(self) -> ir.Table:
        """One row per person who has any of the events: totals, newest moments and turning points."""
        table = self._matched()
        if self._ordered:
            table = self._walked(table)
        columns: dict[str, ir.Scalar] = {
            _soonest(number): table.ts.min(where=table[_future(number)]) for number in self._futures.values()
        }
        for series, number in self._series.items():
            columns[_total(number)] = _measured_total(table, series, number)
        for leaf, walk in self._walks.items():
            columns |= self._turning_points(table, leaf, walk)
        return table.group_by("profile_id").aggregate(**columns)

    def timed(self, table: ir.Table, leaf: EventLeaf) -> tuple[Timed, ir.NumericColumn]:
        """A leaf's value and due, and the measure observed, from the row with the totals (all NULL = no events)."""
        whole = leaf.measure is Measure.COUNT
        observed = table[_total(self._numbers[leaf])].fill_null(0)
        value = measured(observed, leaf.test, whole=whole)
        turns = table[_soonest(self._futures[_future_of(leaf)])].fill_null(moment(NEVER))
        walk = self._walks.get(leaf)
        if walk is not None:
            turning_point = self._turning_point(table, leaf, walk, observed, value)
            gone = turning_point + ibis.interval(seconds=walk.seconds)
            turns = ibis.least(turns, gone.fill_null(moment(NEVER)))
        return Timed(value, turns), observed

    def _clocks(self) -> ir.Table:
        scope = self.tables.scope
        starts = {_start(seconds): since(now=scope.now, seconds=seconds) for seconds in self._spans()}
        return scope.select(clock_id=scope.profile_id, now=scope.now, **starts)

    def _matched(self) -> ir.Table:
        clocks = self._clocks()
        table = self.tables.events.inner_join(clocks, self.tables.events.profile_id == clocks.clock_id)
        columns = {"profile_id": table.profile_id, "ts": table.ts}
        for (event, period), number in self._futures.items():
            columns[_future(number)] = (table.ts > table.now) & (table.name == event) & self._in_period(table, period)
        for seconds in sorted({walk.seconds for _, walk in self._walks.items() if walk.needs_order}):
            columns[_inside(seconds)] = (table.ts > table[_start(seconds)]) & (table.ts <= table.now)
        for series, number in self._series.items():
            matches = self._matches(table, series)
            if series.measure is Measure.SUM:
                columns[_amount(number)] = matches.ifelse(table[sum_column(series).name], ibis.null())
            else:
                columns[_match(number)] = matches
        return table.select(**columns)

    def _matches(self, table: ir.Table, series: EventLeaf) -> ir.BooleanColumn:
        """Whether an event belongs to the series now, cheapest conditions first: engines stop at the first false."""
        conditions = [table.name == series.event, table.ts <= table.now]
        match series.window:
            case Within():
                conditions.append(table.ts > table[_start(series.window.seconds)])
            case Period():
                conditions.append(self._in_period(table, series.window))
        if series.where is not None:

            def column_of(leaf: PropertyLeaf) -> tuple[ir.Column, ValueType]:
                column = property_column(series.event, leaf, catalogue=self.catalogue)
                return table[column.name], column.type

            conditions.append(where(series.where, column_of=column_of, ts=table.ts, zone=self.zone))
        return reduce(and_, conditions)

    def _in_period(self, table: ir.Table, period: Period | None) -> ir.BooleanValue:
        if period is None:
            return ibis.literal(True)
        start, end = (
            None if text is None else instant(text, zone=self.zone) for text in (period.start, period.end)
        )
        return in_period(ts=table.ts, start=start, end=end)

    def _walked(self, table: ir.Table) -> ir.Table:
        """Beside each event what the strictly newer of each series come to, right for the first of equal moments."""
        so_far = ibis.window(group_by=table.profile_id, order_by=table.ts.desc(), rows=(None, 0))
        columns: dict[str, ir.Column] = {"first": (table.ts.lag().over(so_far) != table.ts).fill_null(True)}
        for series, number in self._series.items():
            if number not in self._ordered:
                continue
            if series.measure is Measure.SUM:
                own = table[_amount(number)].fill_null(0)
                columns[_newer(number)] = own.sum().over(so_far) - own
            else:
                own = table[_match(number)]
                columns[_newer(number)] = table.count(where=own).over(so_far) - own.fill_null(False).ifelse(1, 0)
        return table.mutate(**columns)

    def _turning_points(self, table: ir.Table, leaf: EventLeaf, walk: Walk) -> dict[str, ir.Scalar]:
        number = self._numbers[leaf]
        if walk.to_newest:
            return {_newest(number): newest(ts=table.ts, matches=table[_match(number)])}
        reached = table[_inside(walk.seconds)] & table.first
        newer = table[_newer(number)]
        if walk.rank is not None:
            return {_rank(number, walk.rank): table.ts.min(where=reached & (newer < walk.rank))}
        holds = measured(newer, leaf.test, whole=leaf.measure is Measure.COUNT)
        true_name, false_name = self._truth_names(leaf)
        return {true_name: table.ts.min(where=reached & holds), false_name: table.ts.min(where=reached & ~holds)}

    def _turning_point(
        self, table: ir.Table, leaf: EventLeaf, walk: Walk, observed: ir.NumericColumn, value: ir.BooleanColumn
    ) -> ir.TimestampColumn:
        """The oldest event whose leaving changes the answer; NULL when there is none."""
        number = self._numbers[leaf]
        if walk.to_newest:
            return table[_newest(number)]
        if walk.rank is not None:
            return (observed >= walk.rank).ifelse(table[_rank(number, walk.rank)], ibis.null())
        true_name, false_name = self._truth_names(leaf)
        return value.ifelse(table[false_name], table[true_name])

    def _truth_names(self, leaf: EventLeaf) -> tuple[str, str]:
        place = self._places[leaf]
        return f"turns_true_{place}", f"turns_false_{place}"

    def _spans(self) -> Sequence[int]:
        return sorted({leaf.window.seconds for leaf in self.leaves if isinstance(leaf.window, Within)})


def _measured_total(table: ir.Table, series: EventLeaf, number: int) -> ir.NumericScalar:
    if series.measure is Measure.SUM:
        return total(amounts=table[_amount(number)])
    return count(events=table, matches=table[_match(number)])


def _future_of(leaf: EventLeaf) -> tuple[str, Period | None]:
    return leaf.event, leaf.window if isinstance(leaf.window, Period) else None


def _start(seconds: int) -> str:
    return f"start_{seconds}"


def _inside(seconds: int) -> str:
    return f"inside_{seconds}"


def _future(number: int) -> str:
    return f"future_{number}"


def _soonest(number: int) -> str:
    return f"soonest_{number}"


def _match(number: int) -> str:
    return f"match_{number}"


def _amount(number: int) -> str:
    return f"amount_{number}"


def _newer(number: int) -> str:
    return f"newer_{number}"


def _total(number: int) -> str:
    return f"total_{number}"


def _newest(number: int) -> str:
    return f"newest_{number}"


def _rank(number: int, rank: int) -> str:
    return f"rank_{number}_{rank}"
