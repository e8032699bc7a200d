"""The stages of sessions: events cut where the pauses are, a row per session, and the count of those that fit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_, ge, gt, le, lt
from types import MappingProxyType

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import moment, since
from segments.rules import changes
from segments.rules.conditions import measured
from segments.rules.course_reads import reach_of, session_of
from segments.rules.due import NEVER, Timed
from segments.rules.nodes import RepeatedLeaf, SessionLeaf, Within
from segments.rules.sessions import PAGES, TELLING, operands_of
from segments.rules.vocabulary import Op, SessionMeasure

_LASTED: Mapping[Op, Callable[[ir.Column, ir.Column], ir.BooleanColumn]] = MappingProxyType(
    {Op.LT: lt, Op.LE: le, Op.GT: gt, Op.GE: ge}
)
SessionNode = SessionLeaf | RepeatedLeaf


@dataclass(frozen=True, slots=True)
class _Cut:
    """What makes sessions: leaves with the same read the same."""

    gap: Within
    events: tuple[str, ...]


class SessionStages:
    """The distinct leaves of a part that count sessions, by themselves or repeated."""

    def __init__(self, leaves: tuple[SessionNode, ...]) -> None:
        self.leaves = leaves
        self._places = {leaf: f"session_{place}" for place, leaf in enumerate(leaves)}
        self._cuts: dict[_Cut, int] = {}
        for leaf in leaves:
            self._cuts.setdefault(_cut(leaf), len(self._cuts))

    def totals(self, noted: ir.Table) -> list[ir.Table]:
        """Per person, in a table each: when something of the kind happens next, and how many sessions fit."""
        tables: list[ir.Table] = []
        for cut, number in self._cuts.items():
            rows = self._rows(noted, cut)
            soonest = rows.ts.min(where=rows.ts > rows.now)
            tables.append(rows.group_by("profile_id").aggregate(**{_soonest(number): soonest}))
            sessions = _sessions(rows, cut)
            for leaf in (leaf for leaf in self.leaves if _cut(leaf) == cut):
                spells = changes.changes_of(_counting(sessions, leaf))
                tables.append(changes.counted(spells, place=self._places[leaf], holds=_holds(leaf)))
        return tables

    def timed(self, table: ir.Table, leaf: SessionNode) -> tuple[Timed, ir.Column]:
        """A leaf's value and due, and how many sessions fit."""
        timed, observed = changes.timed(table, place=self._places[leaf], holds=_holds(leaf))
        soonest = table[_soonest(self._cuts[_cut(leaf)])].fill_null(moment(NEVER))
        return Timed(timed.value, ibis.least(soonest, timed.due)), observed

    def _rows(self, noted: ir.Table, cut: _Cut) -> ir.Table:
        longest = max(reach_of(leaf) for leaf in self.leaves if _cut(leaf) == cut)
        belongs = noted.name.isin(cut.events) if cut.events else ~noted.name.startswith(TELLING)
        table = noted.filter(belongs, noted.ts > since(now=noted["now"], seconds=longest))
        return table.select("profile_id", "ts", "now", is_page=table.name.isin(PAGES))


def _sessions(rows: ir.Table, cut: _Cut) -> ir.Table:
    """A row per session: its first and latest event, pages and others. One before which nothing was read may be cut
    short, and began before every window."""
    past = rows.filter(rows.ts <= rows.now)
    before = past.ts.lag().over(ibis.window(group_by=past.profile_id, order_by=past.ts))
    begun = past.mutate(begins=(past.ts >= before + ibis.interval(seconds=cut.gap.seconds)).fill_null(True))
    # By range, so that events of one moment are in one session, whichever of them was found to begin it.
    so_far = ibis.range_window(group_by=begun.profile_id, order_by=begun.ts, preceding=None, following=0)
    numbered = begun.mutate(session=begun.count(where=begun.begins).over(so_far))
    return numbered.group_by("profile_id", "session").aggregate(
        now=numbered["now"].max(),
        starts=numbered.ts.min(),
        ends=numbered.ts.max(),
        pages=numbered.count(where=numbered.is_page),
        others=numbered.count(where=~numbered.is_page),
    )


def _counting(sessions: ir.Table, leaf: SessionNode) -> ir.Table:
    """From when until when each session that fits counts."""
    session, within = _session(leaf), leaf.within
    assert within is not None
    leaves_at = sessions.starts + ibis.interval(seconds=within.seconds)
    counts_from = sessions.ends + ibis.interval(seconds=session.gap.seconds) if session.ended else sessions.starts
    conditions = [sessions.starts > since(now=sessions["now"], seconds=within.seconds), counts_from < leaves_at]
    if session.measure is not SessionMeasure.COUNT:
        conditions.append(_fits(sessions, session))
    fitting = sessions.mutate(counts_from=counts_from, leaves_at=leaves_at, fits=reduce(and_, conditions))
    return fitting.filter(fitting.fits).select("profile_id", "now", starts=fitting.counts_from, ends=fitting.leaves_at)


def _fits(sessions: ir.Table, leaf: SessionLeaf) -> ir.BooleanColumn:
    match leaf.measure:
        case SessionMeasure.PAGES:
            return measured(sessions.pages, leaf.test, whole=True)
        case SessionMeasure.ENGAGEMENT:
            return measured(sessions.others, leaf.test, whole=True)
        case _:
            return _lasted(sessions, leaf)


def _lasted(sessions: ir.Table, leaf: SessionLeaf) -> ir.BooleanColumn:
    """Compared as moments: engines agree about those, not about what is left between two."""
    limits = [sessions.starts + ibis.interval(seconds=int(seconds)) for seconds in operands_of(leaf.test)]
    if leaf.test.op is Op.BETWEEN:
        return (sessions.ends >= limits[0]) & (sessions.ends <= limits[1])
    return _LASTED[leaf.test.op](sessions.ends, limits[0])


def _holds(leaf: SessionNode) -> changes.Holds:
    if isinstance(leaf, RepeatedLeaf):
        return lambda count: count >= leaf.times
    if leaf.measure is SessionMeasure.COUNT:
        return lambda count: measured(count, leaf.test, whole=True)
    return lambda count: count >= 1


def _cut(leaf: SessionNode) -> _Cut:
    session = _session(leaf)
    return _Cut(session.gap, tuple(sorted(session.events)))


def _session(leaf: SessionNode) -> SessionLeaf:
    session = session_of(leaf)
    assert session is not None
    return session


def _soonest(number: int) -> str:
    return f"session_soonest_{number}"
