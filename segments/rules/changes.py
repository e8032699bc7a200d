"""Counts that go up and down at known moments: what they come to now, and when the answer will turn by itself.

A session counts from its beginning until it has left the window; an occurrence likewise. Written as changes, one up and
one down each, past and to come, the count at any moment is a running total, and the answer turns at the first change to
come after which the total says otherwise. That is exact for any comparison, and one sort for all leaves that count.
"""

from collections.abc import Callable, Mapping

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import moment
from segments.rules.due import NEVER, Timed

Holds = Callable[[ir.NumericColumn], ir.BooleanColumn]


def running_total(changes: ir.Table, *more: ir.Column) -> ir.NumericColumn:
    """The total at each change, with all others of the same moment; `more` is what else keeps totals apart."""
    apart = [changes.profile_id, *more]
    so_far = ibis.range_window(group_by=apart, order_by=changes["at"], preceding=None, following=0)
    return changes.delta.sum().over(so_far)


def counted(spells: Mapping[int, ir.Table], holds: Mapping[int, Holds]) -> ir.Table:
    """One row per person with anything to count. `spells` are, by number, when each thing counts: [starts, ends).

    Per number the total now, and the first changes to come after which the answer is yes, and no.
    """
    numbered = [
        table.select("profile_id", "now", "starts", "ends", number=ibis.literal(number, type="int64"))
        for number, table in spells.items()
    ]
    together = ibis.union(*numbered, distinct=False) if len(numbered) > 1 else numbered[0]
    up = together.select("profile_id", "now", "number", at=together.starts, delta=ibis.literal(1, type="int64"))
    down = together.select("profile_id", "now", "number", at=together.ends, delta=ibis.literal(-1, type="int64"))
    changes = ibis.union(up, down, distinct=False)
    running = changes.mutate(total=running_total(changes, changes.number))
    is_past = running["at"] <= running["now"]
    columns: dict[str, ir.Scalar] = {}
    for number, answer in holds.items():
        own = running.number == number
        yes = answer(running["total"])
        columns[f"count_{number}"] = running["delta"].sum(where=own & is_past)
        columns[f"holds_{number}"] = running["at"].min(where=own & ~is_past & yes)
        columns[f"ends_{number}"] = running["at"].min(where=own & ~is_past & ~yes)
    return running.group_by("profile_id").aggregate(**columns)


def timed(table: ir.Table, *, number: int, holds: Holds) -> tuple[Timed, ir.Column]:
    """The answer from the row that `counted` made (all NULL = nothing to count), and the total."""
    observed = table[f"count_{number}"].fill_null(0).cast("int64")
    value = holds(observed)
    turns = value.ifelse(table[f"ends_{number}"], table[f"holds_{number}"])
    return Timed(value, turns.fill_null(moment(NEVER))), observed
