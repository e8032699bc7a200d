"""The stages of repeated event leaves: their measure as it went up and down, and when it became true."""

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import Measure, moment, since
from segments.rules import changes
from segments.rules.conditions import measured
from segments.rules.course_reads import reach_of
from segments.rules.due import NEVER, Timed
from segments.rules.nodes import EventLeaf, RepeatedLeaf, Within
from segments.rules.reads import of_column
from segments.rules.selections import Selector


class RepetitionStages:
    """The distinct repeated event leaves of a part, each with stages of its own."""

    def __init__(self, leaves: tuple[RepeatedLeaf, ...], selector: Selector) -> None:
        self.leaves = leaves
        self._selector = selector
        self._places = {leaf: f"repeated_{place}" for place, leaf in enumerate(leaves)}

    def totals(self, noted: ir.Table) -> list[ir.Table]:
        """Per person, in two tables for each leaf: when such an event happens next, and how often it became true."""
        tables: list[ir.Table] = []
        for leaf, place in self._places.items():
            rows = self._rows(noted, leaf)
            soonest = rows.ts.min(where=rows.ts > rows.now)
            tables.append(rows.group_by("profile_id").aggregate(**{_soonest(place): soonest}))
            spells = changes.changes_of(_occurrences(rows, leaf))
            tables.append(changes.counted(spells, place=place, holds=_holds(leaf)))
        return tables

    def timed(self, table: ir.Table, leaf: RepeatedLeaf) -> tuple[Timed, ir.Column]:
        """A leaf's value and due, and how often it became true."""
        place = self._places[leaf]
        timed, observed = changes.timed(table, place=place, holds=_holds(leaf))
        return Timed(timed.value, ibis.least(table[_soonest(place)].fill_null(moment(NEVER)), timed.due)), observed

    def _rows(self, table: ir.Table, repeated: RepeatedLeaf) -> ir.Table:
        """The leaf's events, as far back as the first window that could end in the repetition's."""
        leaf = _inner(repeated)
        conditions = [table.name == leaf.event, table.ts > since(now=table["now"], seconds=reach_of(repeated))]
        if leaf.where is not None:
            # One to come counts whatever it says: nobody has to look at more than the first.
            fits = self._selector.condition(table, leaf.event, leaf.where).fill_null(False)
            conditions.append(fits | (table.ts > table.now))
        return table.filter(*conditions).select("profile_id", "ts", "now", delta=self._amount(table, leaf))

    def _amount(self, table: ir.Table, leaf: EventLeaf) -> ir.Value:
        if leaf.measure is Measure.COUNT:
            return ibis.literal(1, type="int64")
        return table[of_column(leaf, catalogue=self._selector.catalogue).name]


def _inner(leaf: RepeatedLeaf) -> EventLeaf:
    assert isinstance(leaf.leaf, EventLeaf)
    return leaf.leaf


def _occurrences(rows: ir.Table, repeated: RepeatedLeaf) -> ir.Table:
    """The moments at which the leaf became true, past and, by events leaving its window, to come."""
    leaf = _inner(repeated)
    assert isinstance(leaf.window, Within)
    past = rows.filter(rows.ts <= rows["now"], rows.delta.notnull())
    enters = past.select("profile_id", "now", at=past.ts, delta=past.delta)
    gone = past.ts + ibis.interval(seconds=leaf.window.seconds)
    exits = past.select("profile_id", "now", at=gone, delta=-past.delta)
    both = ibis.union(enters, exits, distinct=False)
    whole = leaf.measure is Measure.COUNT
    running = both.mutate(total=changes.running_total(both))
    judged = running.mutate(holds=measured(running.total, leaf.test, whole=whole))
    in_order = ibis.window(group_by=judged.profile_id, order_by=judged["at"])
    compared = judged.mutate(held=judged.holds.lag().over(in_order))
    of_nothing = measured(ibis.literal(0), leaf.test, whole=whole)
    began = compared.filter(
        compared.holds,
        ~compared.held.fill_null(of_nothing),
        compared["at"] > since(now=compared["now"], seconds=repeated.within.seconds),
    )
    lasting = ibis.interval(seconds=repeated.within.seconds)
    return began.select("profile_id", "now", starts=began["at"], ends=began["at"] + lasting)


def _holds(leaf: RepeatedLeaf) -> changes.Holds:
    return lambda count: count >= leaf.times


def _soonest(place: str) -> str:
    return f"soonest_{place}"
