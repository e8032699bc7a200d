"""The stages of recency: how long ago the latest, or the first, such event was.

The measured value is time itself, so the answer turns without any event: at the moment plus each stretch compared with,
or one microsecond, the grain of time here, after it where the stretch itself still counts.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import Measure, moment
from segments.rules.due import NEVER, Timed
from segments.rules.families import Family
from segments.rules.measuring import spans_of
from segments.rules.nodes import EventLeaf, Test
from segments.rules.selections import Columns, Future, Futures, Selector, future_of
from segments.rules.vocabulary import Op

_GRAIN = ibis.interval(microseconds=1)


class RecencyStages(Family):
    """The distinct leaves, by the moment they count from."""

    def __init__(self, leaves: tuple[EventLeaf, ...], selector: Selector) -> None:
        self._leaves = leaves
        self._selector = selector
        self._series: dict[EventLeaf, int] = {}
        for leaf in leaves:
            self._series.setdefault(_moment_of(leaf), len(self._series))

    def spans(self) -> Iterable[int]:
        return ()

    def futures(self) -> Iterable[Future]:
        return map(future_of, self._leaves)

    def matched(self, table: ir.Table) -> Columns:
        return {_match(number): self._selector.matches(table, leaf) for leaf, number in self._series.items()}

    def totals(self, table: ir.Table) -> dict[str, ir.Scalar]:
        return {
            _since(number): (table.ts.max if leaf.measure is Measure.SINCE_LAST else table.ts.min)(
                where=table[_match(number)]
            )
            for leaf, number in self._series.items()
        }

    def timed(self, table: ir.Table, leaf: EventLeaf, futures: Futures) -> tuple[Timed, ir.Column]:
        """What is observed is the moment: how long ago that is changes all the time."""
        since = table[_since(self._series[_moment_of(leaf)])]
        value = _elapsed(since, leaf.test, table.now)
        turns = [ibis.cases((edge > table.now, edge), else_=moment(NEVER)) for edge in _edges(since, leaf.test)]
        return Timed(value, ibis.least(futures.soonest(table, future_of(leaf)), *turns)), since


def _elapsed(since: ir.TimestampColumn, test: Test, now: ir.TimestampColumn) -> ir.BooleanColumn:
    ago = [now - ibis.interval(seconds=within.seconds) for within in spans_of(test)]
    match test.op:
        case Op.LT:
            return since > ago[0]
        case Op.LE:
            return since >= ago[0]
        case Op.GT:
            return since < ago[0]
        case Op.GE:
            return since <= ago[0]
        case _:
            return (since <= ago[0]) & (since >= ago[1])


def _edges(since: ir.TimestampColumn, test: Test) -> Iterator[ir.TimestampColumn]:
    """The moments at which the answer turns, if they are still to come."""
    gone = [since + ibis.interval(seconds=within.seconds) for within in spans_of(test)]
    if test.op is Op.BETWEEN:
        yield from (gone[0], gone[1] + _GRAIN)
    else:
        yield gone[0] + _GRAIN if test.op in {Op.LE, Op.GT} else gone[0]


def _moment_of(leaf: EventLeaf) -> EventLeaf:
    """The leaf without what it is compared with."""
    return replace(leaf, test=Test(Op.EXISTS))


def _match(number: int) -> str:
    return f"recency_match_{number}"


def _since(number: int) -> str:
    return f"since_{number}"
