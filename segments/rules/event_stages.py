"""The stages over events: from events to one row per person with what every event leaf needs. See `compiler`.

Each family of leaves contributes its columns to the same few stages: what an event is by itself (`matched`), what it is
among the person's other events (`placed`, then `walked`, which may read what was placed), what that says (`judged`,
where it would cost to ask more than once), what it comes to in all (`totals`), and the answer from there (`timed`).
"""

from collections.abc import Iterable
from datetime import tzinfo

import ibis.expr.types as ir

from profiles.facts.measures import Measure
from profiles.facts.relations import Relations
from segments.rules.due import Timed
from segments.rules.families import Family
from segments.rules.lifecycle_stages import LifecycleStages
from segments.rules.measure_stages import MeasureStages
from segments.rules.nodes import EventLeaf, Leaf, LifecycleLeaf, TrendLeaf
from segments.rules.recency_stages import RecencyStages
from segments.rules.selections import Columns, Futures, Selector, clocks
from segments.rules.trend_stages import TrendStages
from segments.rules.vocabulary import Catalogue


class EventStages:
    """The distinct event leaves of a part, each in the hands of its family."""

    def __init__(self, tables: Relations, leaves: tuple[Leaf, ...], *, catalogue: Catalogue, zone: tzinfo) -> None:
        selector = Selector(catalogue, zone)
        self.leaves = leaves
        self._tables = tables
        of_family: dict[type[Family], list[Leaf]] = {}
        for leaf in leaves:
            of_family.setdefault(_family_of(leaf), []).append(leaf)
        self._families = {family: family(tuple(known), selector) for family, known in of_family.items()}
        self._futures = Futures((future for family in self._all() for future in family.futures()), selector)

    def totals(self) -> ir.Table:
        """One row per person who has any of the events: totals, newest moments and turning points."""
        table = self._matched()
        for stage in ("placed", "walked", "judged"):
            columns = {name: column for family in self._all() for name, column in getattr(family, stage)(table).items()}
            if columns:
                table = table.mutate(**columns)
        totals = self._futures.totals(table)
        for family in self._all():
            totals |= family.totals(table)
        return table.group_by("profile_id").aggregate(**totals)

    def timed(self, table: ir.Table, leaf: Leaf) -> tuple[Timed, ir.Column]:
        """A leaf's value and due, and what was observed, from the row with the totals (all NULL = no events)."""
        return self._families[_family_of(leaf)].timed(table, leaf, self._futures)

    def _matched(self) -> ir.Table:
        events = self._tables.events
        starts = clocks(self._tables, (seconds for family in self._all() for seconds in family.spans()))
        table = events.inner_join(starts, events.profile_id == starts.clock_id)
        columns: Columns = {"profile_id": table.profile_id, "ts": table.ts} | self._futures.columns(table)
        for family in self._all():
            columns |= family.matched(table)
        return table.select(**columns)

    def _all(self) -> Iterable[Family]:
        return self._families.values()


def _family_of(leaf: Leaf) -> type[Family]:
    match leaf:
        case EventLeaf(measure=Measure.SINCE_LAST | Measure.SINCE_FIRST):
            return RecencyStages
        case EventLeaf():
            return MeasureStages
        case LifecycleLeaf():
            return LifecycleStages
        case TrendLeaf():
            return TrendStages
        case _:
            raise TypeError(f"looks at no events: {leaf!r}")
