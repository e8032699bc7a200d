"""The stages of lifecycle leaves: the moment that decides, and when it leaves the window."""

from collections.abc import Iterable

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import moment, since
from segments.rules.due import NEVER, Timed
from segments.rules.families import Family
from segments.rules.nodes import LifecycleLeaf, Step, Within
from segments.rules.selecting import Selection
from segments.rules.selections import Columns, Future, Futures, Selector, future_of
from segments.rules.vocabulary import Lifecycle


class LifecycleStages(Family):
    """The distinct leaves, each with a number."""

    def __init__(self, leaves: tuple[LifecycleLeaf, ...], selector: Selector) -> None:
        self._numbers = {leaf: number for number, leaf in enumerate(leaves)}
        self._selector = selector

    def spans(self) -> Iterable[int]:
        return (leaf.window.seconds for leaf in self._numbers if isinstance(leaf.window, Within))

    def futures(self) -> Iterable[Future]:
        for leaf in self._numbers:
            yield from _futures_of(leaf)

    def matched(self, table: ir.Table) -> Columns:
        columns: Columns = {}
        for leaf, number in self._numbers.items():
            looked = leaf if leaf.lifecycle is Lifecycle.NOT_SINCE else Selection(leaf.event, leaf.where)
            columns[_happened(number)] = self._selector.matches(table, looked)
            if leaf.lifecycle is Lifecycle.RETURNED:
                columns[_inside(number)] = self._is_inside(table.ts, leaf, now=table.now)
            if leaf.not_since is not None:
                columns[_other(number)] = self._selector.matches(table, _selection(leaf.not_since))
        return columns

    def placed(self, table: ir.Table) -> Columns:
        """Beside each event the one before it; of equal moments only the first looks back on older ones."""
        columns: Columns = {}
        older = ibis.window(group_by=table.profile_id, order_by=table.ts, rows=(None, -1))
        for leaf, number in self._numbers.items():
            if leaf.lifecycle is Lifecycle.RETURNED:
                columns[_before(number)] = table.ts.max(where=table[_happened(number)]).over(older)
        return columns

    def totals(self, table: ir.Table) -> dict[str, ir.Scalar]:
        columns: dict[str, ir.Scalar] = {}
        for leaf, number in self._numbers.items():
            happened = table[_happened(number)]
            match leaf.lifecycle:
                case Lifecycle.FIRST_TIME:
                    columns[_decisive(number)] = table.ts.min(where=happened)
                case Lifecycle.RETURNED:
                    assert leaf.after is not None
                    paused = table[_before(number)] <= since(now=table.ts, seconds=leaf.after.seconds)
                    columns[_decisive(number)] = table.ts.max(where=happened & table[_inside(number)] & paused)
                case Lifecycle.NOT_SINCE:
                    columns[_decisive(number)] = table.ts.max(where=happened)
                    columns[_latest_other(number)] = table.ts.max(where=table[_other(number)])
        return columns

    def timed(self, table: ir.Table, leaf: LifecycleLeaf, futures: Futures) -> tuple[Timed, ir.Column]:
        """A leaf's value and due; observed is the first time, the return, or the latest time."""
        number = self._numbers[leaf]
        decisive, never = table[_decisive(number)], moment(NEVER)
        value = decisive.notnull()
        if leaf.lifecycle is Lifecycle.FIRST_TIME:
            value = self._is_inside(decisive, leaf, now=table.now).fill_null(False)
        elif leaf.lifecycle is Lifecycle.NOT_SINCE:
            value = value & ~(table[_latest_other(number)] > decisive).fill_null(False)
        turns = futures.soonest(table, *_futures_of(leaf))
        if leaf.lifecycle is Lifecycle.FIRST_TIME:
            turns = decisive.isnull().ifelse(turns, never)  # there is only one first time
        if isinstance(leaf.window, Within):
            gone = decisive + ibis.interval(seconds=leaf.window.seconds)
            turns = ibis.least(turns, value.ifelse(gone, never).fill_null(never))
        return Timed(value, turns), decisive

    def _is_inside(self, ts: ir.TimestampColumn, leaf: LifecycleLeaf, *, now: ir.TimestampColumn) -> ir.BooleanValue:
        if isinstance(leaf.window, Within):
            return ts > since(now=now, seconds=leaf.window.seconds)
        return self._selector.in_period(ts, leaf.window)


def _futures_of(leaf: LifecycleLeaf) -> list[Future]:
    other = [] if leaf.not_since is None else [future_of(_selection(leaf.not_since))]
    return [future_of(leaf), *other]


def _selection(step: Step) -> Selection:
    return Selection(step.event, step.where)


def _happened(number: int) -> str:
    return f"happened_{number}"


def _inside(number: int) -> str:
    return f"happened_inside_{number}"


def _other(number: int) -> str:
    return f"other_{number}"


def _before(number: int) -> str:
    return f"happened_before_{number}"


def _decisive(number: int) -> str:
    return f"decisive_{number}"


def _latest_other(number: int) -> str:
    return f"latest_other_{number}"
