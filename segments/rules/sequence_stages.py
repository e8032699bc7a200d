"""The stages of sequences: a step of every sequence at a time, each a running look back over a person's events.

Of the ways to reach a step at some event, only the one entered last need be kept, and it comes from the latest event
that reached the step before and is not too close: the first moment allowed (by `within`, by the latest event that must
not lie between) and the last one (strictly before, or so long before) both move forward with time, and so do, step by
step, the latest starts. So the greatest earlier moment decides, and one sort serves all steps of all sequences.

A way that is complete holds from where its waiting is over until its first event leaves the window. Both ends move
forward from way to way as well, so where one ends and the next has not begun the answer turns.
"""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import moment, since
from segments.rules.due import NEVER, Timed
from segments.rules.nodes import Condition, SequenceLeaf, Step
from segments.rules.selections import Columns, Selector
from segments.rules.sequences import Link, links_of


class SequenceStages:
    """The distinct sequences of a part."""

    def __init__(self, leaves: tuple[SequenceLeaf, ...], selector: Selector) -> None:
        self.leaves = leaves
        self._selector = selector
        self._places = {leaf: place for place, leaf in enumerate(leaves)}
        self._links = {leaf: links_of(leaf) for leaf in leaves}
        steps = (step for leaf in leaves for step in leaf.steps)
        self._marks = {mark: f"step_{number}" for number, mark in enumerate(dict.fromkeys(map(_mark, steps)))}
        self._futures = {names: f"next_{number}" for number, names in enumerate(dict.fromkeys(map(_names, leaves)))}

    def totals(self, noted: ir.Table) -> list[ir.Table]:
        """One row per person who has any of the events, in one table; in none where there are no sequences."""
        if not self.leaves:
            return []
        table = self._entered(self._marked(noted))
        for depth in range(1, max(len(links) for links in self._links.values())):
            table = self._followed(table, depth)
        table = self._spelled(table)
        columns: dict[str, ir.Scalar] = {
            f"soonest_{future}": table.ts.min(where=table[future]) for future in self._futures.values()
        }
        for leaf, place in self._places.items():
            columns |= self._summed(table, leaf, place)
        return [table.group_by("profile_id").aggregate(**columns)]

    def timed(self, table: ir.Table, leaf: SequenceLeaf) -> tuple[Timed, ir.Column]:
        """A sequence's value and due, and when the latest one that is there began (all NULL = no events)."""
        place = self._places[leaf]
        began = table[f"began_{place}"]
        soonest = table[f"soonest_{self._futures[_names(leaf)]}"].fill_null(moment(NEVER))
        if self._waits(leaf):
            turns = began.notnull().ifelse(table[f"falls_{place}"], table[f"rises_{place}"])
        else:
            turns = began + ibis.interval(seconds=leaf.within.seconds)
        return Timed(began.notnull(), ibis.least(soonest, turns.fill_null(moment(NEVER)))), began

    def _marked(self, noted: ir.Table) -> ir.Table:
        """The events that are a step of anything, and those to come of any such name.

        Others may look farther back; what is older than the longest sequence begins none and only costs.
        """
        longest = max(leaf.within.seconds for leaf in self.leaves)
        table = noted.filter(noted.ts > since(now=noted["now"], seconds=longest))
        columns: Columns = {"profile_id": table.profile_id, "ts": table.ts, "now": table.now}
        for wanted, future in self._futures.items():
            columns[future] = (table.ts > table.now) & table.name.isin(wanted)
        for (event, condition), name in self._marks.items():
            happened = (table.name == event) & (table.ts <= table.now)
            if condition is not None:
                happened = happened & self._selector.condition(table, event, condition)
            columns[name] = happened.fill_null(False)
        marked = table.select(**columns)
        return marked.filter(reduce(or_, (marked[name] for name in [*self._marks.values(), *self._futures.values()])))

    def _entered(self, table: ir.Table) -> ir.Table:
        """Where a sequence begins: its first step, inside the window. NULL elsewhere."""
        columns = {
            _began(place): (
                table[self._mark_of(leaf.steps[0])] & (table.ts > since(now=table.now, seconds=leaf.within.seconds))
            ).ifelse(table.ts, ibis.null())
            for leaf, place in self._places.items()
        }
        return table.mutate(**columns)

    def _followed(self, table: ir.Table, depth: int) -> ir.Table:
        """Where the next step of each sequence is reached, with the start of the way that leads there."""
        steps = [
            (place, self._links[leaf][depth])
            for leaf, place in self._places.items()
            if len(self._links[leaf]) > depth and self._links[leaf][depth].step is not None
        ]
        if not steps:
            return table
        looked: Columns = {}
        for place, link in steps:
            looked |= self._looked_back(table, place, link)
        looking = table.mutate(**looked)
        reached = {_began(place): self._reached(looking, place, link) for place, link in steps}
        kept = {name: looking[name] for name in table.columns}
        return looking.select(**(kept | reached))

    def _looked_back(self, table: ir.Table, place: int, link: Link) -> Columns:
        earlier = _earlier(table, link.after)
        began = table[_began(place)]
        columns: Columns = {
            f"from_{place}": began.max().over(earlier),
            f"before_{place}": table.ts.max(where=began.notnull()).over(earlier),
        }
        if link.without:
            columns[f"broken_{place}"] = table.ts.max(where=self._any_of(table, link.without)).over(_earlier(table, 0))
        return columns

    def _reached(self, table: ir.Table, place: int, link: Link) -> ir.TimestampColumn:
        assert link.step is not None
        reached = table[self._mark_of(link.step)]
        before = table[f"before_{place}"]
        if link.before is not None:
            reached = reached & (before > table.ts - ibis.interval(seconds=link.before))
        if link.without:
            reached = reached & (before >= table[f"broken_{place}"]).fill_null(True)
        return reached.ifelse(table[f"from_{place}"], ibis.null())

    def _spelled(self, table: ir.Table) -> ir.Table:
        """Of the sequences that wait for now: from when until when each way holds, and where the next way begins."""
        waiting = [(leaf, self._places[leaf]) for leaf in self.leaves if self._waits(leaf)]
        if not waiting:
            return table
        whole = ibis.window(group_by=table.profile_id)
        latest = {
            f"broken_{place}": table.ts.max(where=self._any_of(table, self._links[leaf][-1].without)).over(whole)
            for leaf, place in waiting
        }
        table = table.mutate(**latest)
        spells: Columns = {}
        for leaf, place in waiting:
            began = table[_began(place)]
            starts = table.ts + ibis.interval(seconds=self._links[leaf][-1].after)
            ends = began + ibis.interval(seconds=leaf.within.seconds)
            unbroken = (table.ts >= table[f"broken_{place}"]).fill_null(True)
            holds = began.notnull() & unbroken & (starts < ends)
            spells[f"starts_{place}"] = holds.ifelse(starts, ibis.null())
            spells[f"ends_{place}"] = holds.ifelse(ends, ibis.null())
        table = table.mutate(**spells)
        later = ibis.window(group_by=table.profile_id, order_by=table.ts.desc(), rows=(None, -1))
        return table.mutate(**{f"then_{place}": table[f"starts_{place}"].min().over(later) for _, place in waiting})

    def _summed(self, table: ir.Table, leaf: SequenceLeaf, place: int) -> dict[str, ir.Scalar]:
        began = table[_began(place)]
        if not self._waits(leaf):
            return {_began(place): began.max()}
        starts, ends, then = (table[f"{name}_{place}"] for name in ("starts", "ends", "then"))
        is_last = (then > ends).fill_null(True)
        return {
            _began(place): began.max(where=(starts <= table.now) & (table.now < ends)),
            f"rises_{place}": starts.min(where=starts > table.now),
            f"falls_{place}": ends.min(where=(ends > table.now) & is_last),
        }

    def _waits(self, leaf: SequenceLeaf) -> bool:
        return self._links[leaf][-1].step is None

    def _mark_of(self, step: Step) -> str:
        return self._marks[_mark(step)]

    def _any_of(self, table: ir.Table, steps: Iterable[Step]) -> ir.BooleanColumn:
        return reduce(or_, (table[self._mark_of(step)] for step in steps))


def _earlier(table: ir.Table, seconds: int) -> Any:
    """Everything that happened so many seconds before or earlier; with 0, everything strictly before."""
    apart = ibis.interval(seconds=seconds) if seconds else ibis.interval(microseconds=1)
    return ibis.range_window(group_by=table.profile_id, order_by=table.ts, preceding=(None, apart))


def _mark(step: Step) -> tuple[str, Condition | None]:
    return step.event, step.where


def _names(leaf: SequenceLeaf) -> tuple[str, ...]:
    return tuple(sorted({step.event for step in leaf.steps}))


def _began(place: int) -> str:
    return f"began_{place}"
