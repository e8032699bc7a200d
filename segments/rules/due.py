"""When time alone could next change a node: (value, due) pairs as Ibis expressions, each value constant on [now, due).

How two pairs combine is the decision here. Take *all*: while one child is false the whole is false, whatever the
others do. So a false *all* is safe until the **last** of its false children turns, not the first: the maximum over
them. A true or unknown *all* can change as soon as any child does: the minimum over all. *any* is the mirror image,
with true for false. *not* changes exactly when its child does. An unknown child is no exception: unknown is a value
like the others, and "constant on [now, due)" is all that is asked of a child, so the argument needs no two-valued
logic.

Never is a far moment inside the expression, because engines disagree about LEAST and GREATEST of NULL, and NULL in the
result. A due that is never for everybody is None, and costs no column.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import and_, or_

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import moment

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
_LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Timed:
    """A three-valued value and its due time; a due of None never comes."""

    value: ir.BooleanColumn
    due: ir.TimestampColumn | None


def all_of(children: Sequence[Timed]) -> Timed:
    value = reduce(and_, (child.value for child in children))
    return Timed(value, _due(children, deciding=[~child.value for child in children], decided=~value))


def any_of(children: Sequence[Timed]) -> Timed:
    value = reduce(or_, (child.value for child in children))
    return Timed(value, _due(children, deciding=[child.value for child in children], decided=value))


def not_of(child: Timed) -> Timed:
    return Timed(~child.value, child.due)


def never_is_null(due: ir.TimestampColumn) -> ir.TimestampColumn:
    """The result's spelling of never."""
    return due.nullif(moment(NEVER))


def _due(
    children: Sequence[Timed], *, deciding: Sequence[ir.BooleanColumn], decided: ir.BooleanColumn
) -> ir.TimestampColumn | None:
    """The last due of the children that decide, where some do; else the first due of any."""
    moving = [child.due for child in children if child.due is not None]
    if not moving:
        return None
    last = ibis.greatest(*(
        decides.ifelse(moment(NEVER) if child.due is None else child.due, moment(_LONG_AGO))
        for child, decides in zip(children, deciding, strict=True)
    ))
    first = ibis.least(*moving) if len(moving) > 1 else moving[0]
    return decided.ifelse(last, first)
