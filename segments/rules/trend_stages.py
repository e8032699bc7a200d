"""The stages of trends: two windows that touch, and the quotient of what they come to.

An event first moves from this window to the one before, then leaves that. The answer is constant until the next event
does either, which is what the due time says: sound, and not always exact, since one event more or less in a quotient
need not turn it.
"""

from collections.abc import Iterable

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import Measure, moment, ratio
from segments.rules.conditions import measured
from segments.rules.due import NEVER, Timed
from segments.rules.families import Family
from segments.rules.nodes import TrendLeaf
from segments.rules.reads import of_column
from segments.rules.selecting import Selection
from segments.rules.selections import Columns, Future, Futures, Selector, start_name
from segments.rules.trends import window_of


class TrendStages(Family):
    """The distinct leaves, each with a number."""

    def __init__(self, leaves: tuple[TrendLeaf, ...], selector: Selector) -> None:
        self._numbers = {leaf: number for number, leaf in enumerate(leaves)}
        self._selector = selector

    def spans(self) -> Iterable[int]:
        return (times * leaf.window.seconds for leaf in self._numbers for times in (1, 2))

    def futures(self) -> Iterable[Future]:
        return ((leaf.event, None) for leaf in self._numbers)

    def matched(self, table: ir.Table) -> Columns:
        columns: Columns = {}
        for leaf, number in self._numbers.items():
            seconds = leaf.window.seconds
            counts = self._selector.matches(table, Selection(leaf.event, leaf.where))
            counts = counts & (table.ts > table[start_name(2 * seconds)])
            amount = ibis.literal(1)
            if leaf.measure is Measure.SUM:
                amount = table[of_column(window_of(leaf), catalogue=self._selector.catalogue).name]
            columns[_amount(number)] = counts.ifelse(amount, ibis.null())
            columns[_recent(number)] = table.ts > table[start_name(seconds)]
        return columns

    def totals(self, table: ir.Table) -> dict[str, ir.Scalar]:
        columns: dict[str, ir.Scalar] = {}
        for number in self._numbers.values():
            amount, recent = table[_amount(number)], table[_recent(number)]
            for name, among in (("this", recent), ("last", ~recent)):
                columns[_sum(name, number)] = amount.sum(where=among)
                columns[_oldest(name, number)] = table.ts.min(where=among & amount.notnull())
        return columns

    def timed(self, table: ir.Table, leaf: TrendLeaf, futures: Futures) -> tuple[Timed, ir.Column]:
        """A leaf's value and due; observed is the quotient."""
        number, seconds = self._numbers[leaf], leaf.window.seconds
        this, last = (table[_sum(name, number)].fill_null(0) for name in ("this", "last"))
        quotient = ratio(this, last)
        moves = table[_oldest("this", number)] + ibis.interval(seconds=seconds)
        leaves = table[_oldest("last", number)] + ibis.interval(seconds=2 * seconds)
        never = moment(NEVER)
        turns = ibis.least(futures.soonest(table, (leaf.event, None)), moves.fill_null(never), leaves.fill_null(never))
        return Timed(measured(quotient, leaf.test, whole=False), turns), quotient


def _amount(number: int) -> str:
    return f"trend_amount_{number}"


def _recent(number: int) -> str:
    return f"trend_recent_{number}"


def _sum(name: str, number: int) -> str:
    return f"trend_{name}_{number}"


def _oldest(name: str, number: int) -> str:
    return f"trend_oldest_{name}_{number}"
