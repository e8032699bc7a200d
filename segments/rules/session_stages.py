"""The stages of sessions: events cut where the pauses are, a row per session, and the count of those that fit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, ge, gt, le, lt
from types import MappingProxyType

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import since
from segments.rules import changes
from segments.rules.conditions import measured
from segments.rules.course_reads import reach_of, session_of
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


def session_spells(noted: ir.Table, leaves: Sequence[SessionNode]) -> dict[SessionNode, ir.Table]:
    """From when until when each session counts that fits a leaf; what leaves have in common is made once."""
    spells: dict[SessionNode, ir.Table] = {}
    for cut in dict.fromkeys(map(_cut, leaves)):
        alike = [leaf for leaf in leaves if _cut(leaf) == cut]
        sessions = _sessions(_rows(noted, cut, seconds=max(map(reach_of, alike))), cut)
        spells |= {leaf: _counting(sessions, leaf) for leaf in alike}
    return spells


def enough_sessions(leaf: SessionNode) -> changes.Holds:
    """What the number of sessions that fit has to be."""
    if isinstance(leaf, RepeatedLeaf):
        return lambda count: count >= leaf.times
    if leaf.measure is SessionMeasure.COUNT:
        return lambda count: measured(count, leaf.test, whole=True)
    return lambda count: count >= 1


def _rows(noted: ir.Table, cut: _Cut, *, seconds: int) -> ir.Table:
    belongs = noted.name.isin(cut.events) if cut.events else ~noted.name.startswith(TELLING)
    since_then = noted.ts > since(now=noted["now"], seconds=seconds)
    table = noted.filter(belongs, since_then, noted.ts <= noted["now"])
    return table.select("profile_id", "ts", "now", is_page=table.name.isin(PAGES))


def _sessions(past: ir.Table, cut: _Cut) -> ir.Table:
    """A row per session: its first and latest event, pages and others. One before which nothing was read may be cut
    short, and began before every window."""
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


def _cut(leaf: SessionNode) -> _Cut:
    session = _session(leaf)
    return _Cut(session.gap, tuple(sorted(session.events)))


def _session(leaf: SessionNode) -> SessionLeaf:
    session = session_of(leaf)
    assert session is not None
    return session
