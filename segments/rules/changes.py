"""Counts that go up and down at known moments: what they come to now, and when the answer will turn by itself.

A session counts from its beginning until it has left the window; an occurrence likewise. Written as changes, one up and
one down each, past and to come, the count at any moment is a running total, and the answer turns at the first change to
come after which the total says otherwise. That is exact for any comparison, and one sort.
"""

from collections.abc import Callable

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import moment
from segments.rules.due import NEVER, Timed

Holds = Callable[[ir.NumericColumn], ir.BooleanColumn]


def changes_of(spells: ir.Table) -> ir.Table:
    """The changes of things that count in [starts, ends): profile_id, now, at, delta."""
    up = spells.select("profile_id", "now", at=spells.starts, delta=ibis.literal(1, type="int64"))
    down = spells.select("profile_id", "now", at=spells.ends, delta=ibis.literal(-1, type="int64"))
    return ibis.union(up, down, distinct=False)


def running_total(changes: ir.Table) -> ir.NumericColumn:
    """The total at each change, with all others of the same moment."""
    so_far = ibis.range_window(group_by=changes.profile_id, order_by=changes.at, preceding=None, following=0)
    return changes.delta.sum().over(so_far)


def counted(changes: ir.Table, *, place: str, holds: Holds) -> ir.Table:
    """One row per person who has any change: the total now, and the first changes to come that make it hold, or not."""
    running = changes.mutate(total=running_total(changes))
    to_come = running["at"] > running["now"]
    answer = holds(running["total"])
    return running.group_by("profile_id").aggregate(
        **{
            f"count_{place}": running["delta"].sum(where=running["at"] <= running["now"]),
            f"holds_{place}": running["at"].min(where=to_come & answer),
            f"ends_{place}": running["at"].min(where=to_come & ~answer),
        }
    )


def timed(table: ir.Table, *, place: str, holds: Holds) -> tuple[Timed, ir.Column]:
    """The answer from the row that `counted` made (all NULL = nothing to count), and the total."""
    observed = table[f"count_{place}"].fill_null(0).cast("int64")
    value = holds(observed)
    turns = value.ifelse(table[f"ends_{place}"], table[f"holds_{place}"])
    return Timed(value, turns.fill_null(moment(NEVER))), observed
