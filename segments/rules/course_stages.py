"""The stages of the leaves about a course of events, beside those that measure: each family in tables of its own.

All of them begin with the same select, `noted`: the events that any of them looks at, as far back as each looks. A
stage that several read is read once and kept by both engines.
"""

from collections.abc import Sequence
from datetime import tzinfo
from functools import reduce
from operator import or_

import ibis.expr.types as ir

from profiles.facts.relations import Relations
from segments.rules.course_reads import looked_at, reach_of, session_of
from segments.rules.due import Timed
from segments.rules.nodes import CourseLeaf, Leaf, RepeatedLeaf, SequenceLeaf, SessionLeaf
from segments.rules.repetition_stages import RepetitionStages
from segments.rules.selections import Selector, clocks, start_name
from segments.rules.sequence_stages import SequenceStages
from segments.rules.session_stages import SessionStages
from segments.rules.sessions import TELLING
from segments.rules.vocabulary import Catalogue


class CourseStages:
    """The distinct leaves of a part that are about a course of events."""

    def __init__(self, tables: Relations, leaves: tuple[Leaf, ...], *, catalogue: Catalogue, zone: tzinfo) -> None:
        selector = Selector(catalogue, zone)
        courses = tuple(leaf for leaf in leaves if isinstance(leaf, SequenceLeaf | SessionLeaf | RepeatedLeaf))
        self._leaves = courses
        self._tables = tables
        self._sequences = SequenceStages(tuple(leaf for leaf in courses if isinstance(leaf, SequenceLeaf)), selector)
        sessions = tuple(
            leaf for leaf in courses if isinstance(leaf, SessionLeaf | RepeatedLeaf) and session_of(leaf) is not None
        )
        self._sessions = SessionStages(sessions)
        repeated = (leaf for leaf in courses if isinstance(leaf, RepeatedLeaf) and session_of(leaf) is None)
        self._repetitions = RepetitionStages(tuple(repeated), selector)

    def beside(self, table: ir.Table) -> ir.Table:
        """`table`, which has a row per person, with everything that the leaves need."""
        if not self._leaves:
            return table
        noted = _noted(self._tables, self._leaves)
        families = (self._sequences, self._sessions, self._repetitions)
        for number, totals in enumerate(totals for family in families for totals in family.totals(noted)):
            own = totals.rename({f"course_{number}_id": "profile_id"})
            joined = table.left_join(own, table.profile_id == own[f"course_{number}_id"])
            table = joined.select(*table.columns, *own.columns)
        return table

    def timed(self, table: ir.Table, leaf: CourseLeaf) -> tuple[Timed, ir.Column]:
        """A leaf's value and due, and what was observed."""
        match leaf:
            case SequenceLeaf():
                return self._sequences.timed(table, leaf)
            case RepeatedLeaf() if session_of(leaf) is None:
                return self._repetitions.timed(table, leaf)
            case _:
                return self._sessions.timed(table, leaf)


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
