"""The stages of leaves that measure: count, sum, average, least, greatest, different values, first and latest value."""

from collections.abc import Iterable

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import (
    Measure,
    count,
    earliest_value,
    latest_value,
    local_day,
    moment,
    newest,
    ratio,
    total,
)
from profiles.facts.values import ValueType
from segments.rules.conditions import compared, measured
from segments.rules.due import NEVER, Timed
from segments.rules.families import Family
from segments.rules.nodes import EventLeaf, Within
from segments.rules.reads import of_column
from segments.rules.selections import Columns, Future, Futures, Selector, future_of, start_name
from segments.rules.walks import COUNTING, Follow, Walk, series_of, walk_of

#: Of nothing these are 0; the others are unknown.
_ZERO = COUNTING | {Measure.SUM}
_DISTINCT = frozenset({Measure.DISTINCT, Measure.DISTINCT_DAYS})


class MeasureStages(Family):
    """The distinct leaves, each with its series' number and its walk."""

    def __init__(self, leaves: tuple[EventLeaf, ...], selector: Selector) -> None:
        self._leaves = leaves
        self._selector = selector
        self._series: dict[EventLeaf, int] = {}
        for leaf in leaves:
            self._series.setdefault(series_of(leaf), len(self._series))
        self._numbers = {leaf: self._series[series_of(leaf)] for leaf in leaves}
        self._places = {leaf: place for place, leaf in enumerate(leaves)}
        self._walks = {leaf: walk for leaf in leaves if (walk := walk_of(leaf)) is not None}

    def spans(self) -> Iterable[int]:
        return (leaf.window.seconds for leaf in self._leaves if isinstance(leaf.window, Within))

    def futures(self) -> Iterable[Future]:
        return map(future_of, self._leaves)

    def matched(self, table: ir.Table) -> Columns:
        columns: Columns = {}
        walked = {walk.seconds for walk in self._walks.values() if walk.follow is Follow.NEWER}
        for seconds in sorted(walked):
            columns[_inside(seconds)] = (table.ts > table[start_name(seconds)]) & (table.ts <= table.now)
        for series, number in self._series.items():
            matches = self._selector.matches(table, series)
            if series.measure is Measure.COUNT:
                columns[_match(number)] = matches
            else:
                columns[_amount(number)] = matches.ifelse(self._amounts(table, series), ibis.null())
        return columns

    def placed(self, table: ir.Table) -> Columns:
        """Which event is the newest of its value, and which one hides it from being the first."""
        columns: Columns = {}
        for series, number in self._followed(Follow.NEWER):
            if series.measure in _DISTINCT:
                amount = table[_amount(number)]
                of_value = ibis.window(group_by=[table.profile_id, amount], order_by=table.ts.desc())
                columns[_newest_of_value(number)] = (ibis.row_number().over(of_value) == 0) & amount.notnull()
        for _, number in self._followed(Follow.HIDDEN):
            amount = table[_amount(number)]
            # Of equal moments the least value comes first, and is the only one that sees only older ones before it.
            older = ibis.window(group_by=table.profile_id, order_by=[table.ts, amount], rows=(None, -1))
            columns[_hidden_by(number)] = table.ts.max(where=amount.notnull()).over(older)
        return columns

    def walked(self, table: ir.Table) -> Columns:
        """Beside each event what the strictly newer of each series come to, right for the first of equal moments."""
        followed = list(self._followed(Follow.NEWER))
        if not followed:
            return {}
        newer = ibis.window(group_by=table.profile_id, order_by=table.ts.desc(), rows=(None, -1))
        columns: Columns = {"leads": (table.ts.lag().over(newer) != table.ts).fill_null(True)}
        for series, number in followed:
            match series.measure:
                case Measure.COUNT:
                    columns[_newer(number)] = table.count(where=table[_match(number)]).over(newer)
                case Measure.DISTINCT | Measure.DISTINCT_DAYS:
                    columns[_newer(number)] = table.count(where=table[_newest_of_value(number)]).over(newer)
                case Measure.MIN:
                    columns[_newer(number)] = table[_amount(number)].min().over(newer)
                case Measure.MAX:
                    columns[_newer(number)] = table[_amount(number)].max().over(newer)
                case Measure.SUM:
                    columns[_newer(number)] = table[_amount(number)].sum().over(newer).fill_null(0)
                case Measure.AVG:
                    columns[_newer(number)] = table[_amount(number)].sum().over(newer)
                    columns[_newer_known(number)] = table[_amount(number)].count().over(newer)
        return columns

    def judged(self, table: ir.Table) -> Columns:
        """Whether an average would hold of what is newer than an event: one exact division for its three readers."""
        return {
            _holds_newer(self._places[leaf]): self._holds(
                ratio(table[_newer(number)], table[_newer_known(number)]), leaf, table.ts
            )
            for leaf, number in self._numbers.items()
            if leaf.measure is Measure.AVG and self._follows(leaf, Follow.NEWER)
        }

    def totals(self, table: ir.Table) -> dict[str, ir.Scalar]:
        columns = {_total(number): _whole(table, series, number) for series, number in self._series.items()}
        for leaf, walk in self._walks.items():
            columns |= self._turning_points(table, leaf, walk)
        return columns

    def timed(self, table: ir.Table, leaf: EventLeaf, futures: Futures) -> tuple[Timed, ir.Column]:
        observed = table[_total(self._numbers[leaf])]
        if leaf.measure in _ZERO:
            observed = observed.fill_null(0)
        value = self._holds(observed, leaf, table.now)
        turns = futures.soonest(table, future_of(leaf))
        walk = self._walks.get(leaf)
        if walk is not None:
            turning_point = self._turning_point(table, leaf, walk, observed, value)
            gone = turning_point + ibis.interval(seconds=walk.seconds)
            turns = ibis.least(turns, gone.fill_null(moment(NEVER)))
        return Timed(value, turns), observed

    def _amounts(self, table: ir.Table, series: EventLeaf) -> ir.Column:
        if series.measure is Measure.DISTINCT_DAYS:
            return local_day(ts=table.ts, zone=str(self._selector.zone))
        return table[of_column(series, catalogue=self._selector.catalogue).name]

    def _holds(self, column: ir.Column, leaf: EventLeaf, now: ir.TimestampColumn) -> ir.BooleanColumn:
        if leaf.measure in COUNTING:
            return measured(column, leaf.test, whole=True)
        value_type = of_column(leaf, catalogue=self._selector.catalogue).type
        if value_type is ValueType.NUMBER:
            return measured(column, leaf.test, whole=False)
        return compared(column, leaf.test, value_type=value_type, now=now, zone=self._selector.zone)

    def _follows(self, leaf: EventLeaf, follow: Follow) -> bool:
        walk = self._walks.get(leaf)
        return walk is not None and walk.follow is follow

    def _followed(self, follow: Follow) -> Iterable[tuple[EventLeaf, int]]:
        """The series with a leaf that is followed so."""
        numbers = {number for leaf, number in self._numbers.items() if self._follows(leaf, follow)}
        return ((series, number) for series, number in self._series.items() if number in numbers)

    def _turning_points(self, table: ir.Table, leaf: EventLeaf, walk: Walk) -> dict[str, ir.Scalar]:
        number = self._numbers[leaf]
        to_newest = {_newest(number): newest(ts=table.ts, matches=_known(table, leaf, number))}
        match walk.follow:
            case Follow.NEWEST:
                return to_newest
            case Follow.OLDEST:
                return {_oldest(number): table.ts.min(where=_known(table, leaf, number))}
            case Follow.HIDDEN:
                older = table[_hidden_by(number)]
                holds = self._holds(table[_amount(number)], leaf, table.ts)
                return to_newest | self._per_truth(leaf, older, among=older < table.ts, holds=holds)
        reached = table[_inside(walk.seconds)] & table.leads
        if walk.rank is not None:
            return {_rank(number, walk.rank): table.ts.min(where=reached & (table[_newer(number)] < walk.rank))}
        if leaf.measure is Measure.AVG:
            holds = table[_holds_newer(self._places[leaf])]
        else:
            holds = self._holds(table[_newer(number)], leaf, table.ts)
        return self._per_truth(leaf, table.ts, among=reached, holds=holds)

    def _per_truth(
        self, leaf: EventLeaf, ts: ir.TimestampColumn, *, among: ir.BooleanColumn, holds: ir.BooleanColumn
    ) -> dict[str, ir.Scalar]:
        """The oldest moment at which the leaf would become true, false and, where it can, unknown."""
        place = self._places[leaf]
        columns = {
            _turns("true", place): ts.min(where=among & holds),
            _turns("false", place): ts.min(where=among & ~holds),
        }
        if leaf.measure not in _ZERO and leaf.measure is not Measure.FIRST:
            columns[_turns("unknown", place)] = ts.min(where=among & holds.isnull())
        return columns

    def _turning_point(
        self, table: ir.Table, leaf: EventLeaf, walk: Walk, observed: ir.Column, value: ir.BooleanColumn
    ) -> ir.TimestampColumn:
        """The oldest event whose leaving changes the answer; NULL when there is none."""
        number, place = self._numbers[leaf], self._places[leaf]
        if walk.follow is Follow.NEWEST:
            return table[_newest(number)]
        if walk.follow is Follow.OLDEST:
            return table[_oldest(number)]
        if walk.rank is not None:
            return (observed >= walk.rank).ifelse(table[_rank(number, walk.rank)], ibis.null())
        true, false = table[_turns("true", place)], table[_turns("false", place)]
        if leaf.measure in _ZERO:
            return value.ifelse(false, true)
        unknown = table[_newest(number) if walk.follow is Follow.HIDDEN else _turns("unknown", place)]
        return ibis.cases(
            (value.isnull(), _sooner(true, false)), (value, _sooner(false, unknown)), else_=_sooner(true, unknown)
        )


def _whole(table: ir.Table, series: EventLeaf, number: int) -> ir.Scalar:
    """What the series comes to over all of the window."""
    match series.measure:
        case Measure.COUNT:
            return count(events=table, matches=table[_match(number)])
        case Measure.SUM:
            return total(amounts=table[_amount(number)])
        case Measure.AVG:
            return ratio(table[_amount(number)].sum(), table[_amount(number)].count())
        case Measure.MIN:
            return table[_amount(number)].min()
        case Measure.MAX:
            return table[_amount(number)].max()
        case Measure.FIRST:
            return earliest_value(amounts=table[_amount(number)], ts=table.ts)
        case Measure.LAST:
            return latest_value(amounts=table[_amount(number)], ts=table.ts)
        case _:
            return table[_amount(number)].nunique()


def _known(table: ir.Table, leaf: EventLeaf, number: int) -> ir.BooleanColumn:
    return table[_match(number)] if leaf.measure is Measure.COUNT else table[_amount(number)].notnull()


def _sooner(one: ir.TimestampColumn, other: ir.TimestampColumn) -> ir.TimestampColumn:
    """The earlier of two moments, either of which may never come (NULL)."""
    never = moment(NEVER)
    return ibis.least(one.fill_null(never), other.fill_null(never)).nullif(never)


def _inside(seconds: int) -> str:
    return f"inside_{seconds}"


def _match(number: int) -> str:
    return f"match_{number}"


def _amount(number: int) -> str:
    return f"amount_{number}"


def _newest_of_value(number: int) -> str:
    return f"newest_of_value_{number}"


def _hidden_by(number: int) -> str:
    return f"hidden_by_{number}"


def _newer(number: int) -> str:
    return f"newer_{number}"


def _newer_known(number: int) -> str:
    return f"newer_known_{number}"


def _holds_newer(place: int) -> str:
    return f"holds_newer_{place}"


def _total(number: int) -> str:
    return f"total_{number}"


def _newest(number: int) -> str:
    return f"newest_{number}"


def _oldest(number: int) -> str:
    return f"oldest_{number}"


def _rank(number: int, rank: int) -> str:
    return f"rank_{number}_{rank}"


def _turns(truth: str, place: int) -> str:
    return f"turns_{truth}_{place}"
