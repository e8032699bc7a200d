"""The stages of the leaves about a course of events, beside those that measure: each family in tables of its own.

All of them begin with the same select, `noted`: the events that any of them looks at, as far back as each looks. A
stage that several read is read once and kept by both engines.
"""

from collections.abc import Sequence
from datetime import tzinfo
from functools import reduce
from operator import or_

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import moment
from profiles.facts.relations import Relations
from segments.rules import changes
from segments.rules.course_reads import looked_at, reach_of, session_of
from segments.rules.due import NEVER, Timed
from segments.rules.nodes import CourseLeaf, Leaf, RepeatedLeaf, SequenceLeaf, SessionLeaf
from segments.rules.repetition_stages import occurrences, often_enough
from segments.rules.selections import Selector, clocks, start_name
from segments.rules.sequence_stages import SequenceStages
from segments.rules.session_stages import enough_sessions, session_spells
from segments.rules.sessions import TELLING
from segments.rules.vocabulary import Catalogue


class CourseStages:
    """The distinct leaves of a part that are about a course of events."""

    def __init__(self, tables: Relations, leaves: tuple[Leaf, ...], *, catalogue: Catalogue, zone: tzinfo) -> None:
        selector = Selector(catalogue, zone)
        courses = tuple(leaf for leaf in leaves if isinstance(leaf, SequenceLeaf | SessionLeaf | RepeatedLeaf))
        self._leaves = courses
        self._tables = tables
        self._selector = selector
        self._sequences = SequenceStages(tuple(leaf for leaf in courses if isinstance(leaf, SequenceLeaf)), selector)
        self._counting = {leaf: number for number, leaf in enumerate(courses) if not isinstance(leaf, SequenceLeaf)}
        self._futures = {
            names: f"soonest_course_{number}" for number, names in enumerate(dict.fromkeys(map(_names, self._counting)))
        }

    def beside(self, table: ir.Table) -> ir.Table:
        """`table`, which has a row per person, with everything that the leaves need."""
        if not self._leaves:
            return table
        noted = _noted(self._tables, self._leaves)
        found = self._sequences.totals(noted)
        if self._counting:
            found += [self._soonest(noted), changes.counted(self._spells(noted), self._holds())]
        for number, totals in enumerate(found):
            own = totals.rename({f"course_{number}_id": "profile_id"})
            joined = table.left_join(own, table.profile_id == own[f"course_{number}_id"])
            table = joined.select(*table.columns, *own.columns)
        return table

    def timed(self, table: ir.Table, leaf: CourseLeaf) -> tuple[Timed, ir.Column]:
        """A leaf's value and due, and what was observed."""
        if isinstance(leaf, SequenceLeaf):
            return self._sequences.timed(table, leaf)
        number = self._counting[leaf]
        timed, observed = changes.timed(table, number=number, holds=self._holds()[number])
        soonest = table[self._futures[_names(leaf)]].fill_null(moment(NEVER))
        return Timed(timed.value, ibis.least(soonest, timed.due)), observed

    def _soonest(self, noted: ir.Table) -> ir.Table:
        """When the first event to come happens that any leaf would look at."""
        to_come = noted.filter(noted.ts > noted["now"])
        columns = {column: to_come.ts.min(where=_of(to_come, names)) for names, column in self._futures.items()}
        return to_come.group_by("profile_id").aggregate(**columns)

    def _spells(self, noted: ir.Table) -> dict[int, ir.Table]:
        sessions = [leaf for leaf in self._counting if session_of(leaf) is not None]
        spells = session_spells(noted, sessions)
        for leaf in self._counting:
            if isinstance(leaf, RepeatedLeaf) and leaf not in spells:
                spells[leaf] = occurrences(noted, leaf, self._selector)
        return {number: spells[leaf] for leaf, number in self._counting.items()}

    def _holds(self) -> dict[int, changes.Holds]:
        return {
            number: often_enough(leaf)
            if isinstance(leaf, RepeatedLeaf) and session_of(leaf) is None
            else enough_sessions(leaf)
            for leaf, number in self._counting.items()
        }


def _names(leaf: CourseLeaf) -> tuple[str, ...]:
    """The names that a counting leaf looks at; none for all."""
    return tuple(sorted({looked.event for looked in looked_at(leaf)}))


def _of(events: ir.Table, names: tuple[str, ...]) -> ir.BooleanColumn:
    return events.name.isin(names) if names else ~events.name.startswith(TELLING)


def _noted(tables: Relations, leaves: Sequence[CourseLeaf]) -> ir.Table:
    """The events that any of the leaves looks at, with their person's clock."""
    longest = max(reach_of(leaf) for leaf in leaves)
    starts = clocks(tables, [longest])
    table = tables.events.inner_join(starts, tables.events.profile_id == starts.clock_id)
    wanted: list[ir.BooleanValue] = []
    if names := sorted({looked.event for leaf in leaves for looked in looked_at(leaf)}):
        wanted.append(table.name.isin(names))
    if any((session := session_of(leaf)) is not None and not session.events for leaf in leaves):
        wanted.append(~table.name.startswith(TELLING))
    return table.filter(reduce(or_, wanted), table.ts > table[start_name(longest)])
