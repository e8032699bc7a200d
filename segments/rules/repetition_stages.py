"""The stages of repeated event leaves: their measure as it went up and down, and when it became true."""

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import Measure, since
from segments.rules import changes
from segments.rules.conditions import measured
from segments.rules.course_reads import reach_of
from segments.rules.nodes import EventLeaf, RepeatedLeaf, Within
from segments.rules.reads import of_column
from segments.rules.selections import Selector


def occurrences(noted: ir.Table, repeated: RepeatedLeaf, selector: Selector) -> ir.Table:
    """The times at which the event leaf became true, past and, by events leaving its window, to come.

    Each counts from that moment until it has left the repetition's window.
    """
    leaf = _inner(repeated)
    whole = leaf.measure is Measure.COUNT
    both = _ups_and_downs(noted, repeated, selector)
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


def often_enough(leaf: RepeatedLeaf) -> changes.Holds:
    """What the number of times has to be."""
    return lambda count: count >= leaf.times


def _ups_and_downs(noted: ir.Table, repeated: RepeatedLeaf, selector: Selector) -> ir.Table:
    """How the measure changes: by each event as it happens, and as it leaves the leaf's own window."""
    leaf = _inner(repeated)
    assert isinstance(leaf.window, Within)
    conditions = [
        noted.name == leaf.event,
        noted.ts > since(now=noted["now"], seconds=reach_of(repeated)),
        noted.ts <= noted["now"],
    ]
    if leaf.where is not None:
        conditions.append(selector.condition(noted, leaf.event, leaf.where))
    if leaf.measure is Measure.COUNT:
        amount: ir.Value = ibis.literal(1, type="int64")
    else:
        amount = noted[of_column(leaf, catalogue=selector.catalogue).name]
        conditions.append(amount.notnull())
    rows = noted.filter(*conditions).select("profile_id", "now", "ts", delta=amount)
    enters = rows.select("profile_id", "now", at=rows.ts, delta=rows.delta)
    gone = rows.ts + ibis.interval(seconds=leaf.window.seconds)
    exits = rows.select("profile_id", "now", at=gone, delta=-rows.delta)
    return ibis.union(enters, exits, distinct=False)


def _inner(leaf: RepeatedLeaf) -> EventLeaf:
    assert isinstance(leaf.leaf, EventLeaf)
    return leaf.leaf
