"""Which events a leaf looks at: conditions over the events with their person's clock beside them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import reduce
from operator import and_

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import in_period, moment, since
from profiles.facts.relations import Relations
from profiles.facts.values import ValueType, instant
from segments.rules.conditions import where
from segments.rules.due import NEVER
from segments.rules.nodes import Condition, ContextLeaf, Period, PropertyLeaf, Within
from segments.rules.reads import property_column
from segments.rules.selecting import Selects
from segments.rules.vocabulary import Catalogue

Columns = dict[str, ir.Column]
#: An event's name and the period it would have to fall into.
Future = tuple[str, Period | None]


@dataclass(frozen=True, slots=True)
class Selector:
    """The conditions, for one catalogue and zone."""

    catalogue: Catalogue
    zone: tzinfo

    def matches(self, table: ir.Table, selects: Selects) -> ir.BooleanColumn:
        """Whether an event is one of them now, cheapest conditions first: engines stop at the first false."""
        conditions = [table.name == selects.event, table.ts <= table.now]
        match selects.window:
            case Within():
                conditions.append(table.ts > table[start_name(selects.window.seconds)])
            case Period():
                conditions.append(self.in_period(table.ts, selects.window))
        if selects.where is not None:
            conditions.append(self.condition(table, selects.event, selects.where))
        return reduce(and_, conditions)

    def condition(self, table: ir.Table, event: str, condition: Condition) -> ir.BooleanColumn:
        """A condition on the properties of events of that name."""

        def column_of(leaf: PropertyLeaf | ContextLeaf) -> tuple[ir.Column, ValueType]:
            column = property_column(event, leaf, catalogue=self.catalogue)
            return table[column.name], column.type

        return where(condition, column_of=column_of, ts=table.ts, zone=self.zone)

    def in_period(self, ts: ir.TimestampColumn, period: Period | None) -> ir.BooleanValue:
        if period is None:
            return ibis.literal(True)
        start, end = (None if text is None else instant(text, zone=self.zone) for text in (period.start, period.end))
        return in_period(ts=ts, start=start, end=end)


class Futures:
    """The first event of the future of each name and period, whatever its properties.

    An event of the future changes nothing before it happens. Looking at the first of its name alone is sound, and takes
    no more columns than names.
    """

    def __init__(self, wanted: Iterable[Future], selector: Selector) -> None:
        self._numbers = {future: number for number, future in enumerate(dict.fromkeys(wanted))}
        self._selector = selector

    def columns(self, table: ir.Table) -> Columns:
        return {
            f"future_{number}": (table.ts > table.now)
            & (table.name == event)
            & self._selector.in_period(table.ts, period)
            for (event, period), number in self._numbers.items()
        }

    def totals(self, table: ir.Table) -> dict[str, ir.Scalar]:
        return {f"soonest_{number}": table.ts.min(where=table[f"future_{number}"]) for number in self._numbers.values()}

    def soonest(self, table: ir.Table, *futures: Future) -> ir.TimestampColumn:
        """When the first of them happens, from the row with the totals; the far moment when none is known."""
        found = [table[f"soonest_{self._numbers[future]}"].fill_null(moment(NEVER)) for future in futures]
        return ibis.least(*found) if len(found) > 1 else found[0]


def clocks(tables: Relations, spans: Iterable[int]) -> ir.Table:
    """Everybody's moment with the start of every relative window, so that an event is compared with a column."""
    scope = tables.scope
    starts: Mapping[str, ir.Column] = {
        start_name(seconds): since(now=scope.now, seconds=seconds) for seconds in sorted(set(spans))
    }
    return scope.select(clock_id=scope.profile_id, now=scope.now, **starts)


def future_of(selects: Selects) -> Future:
    return selects.event, selects.window if isinstance(selects.window, Period) else None


def start_name(seconds: int) -> str:
    return f"start_{seconds}"
