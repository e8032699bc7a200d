"""Which events a leaf rests on: the ones its own condition selects, newest first and not too many.

They are found from what the leaf reads, whatever kind of leaf it is: wherever an event is named in it (itself, a step,
what is repeated), with the condition that stands beside the name, over the window of a measure or, for all else, as far
back as its reading goes. The selection is the compiler's (`selections.Selector`), over the same relations.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import tzinfo
from functools import reduce
from operator import or_
from typing import Any

import ibis
import ibis.expr.types as ir

from profiles.facts.relations import EVERY_EVENT, History, relations
from segments.rules.compiler import Compiled
from segments.rules.nodes import (
    Condition,
    ConsentLeaf,
    EventLeaf,
    Leaf,
    ListLeaf,
    Period,
    Rule,
    TraitLeaf,
    Within,
    leaves_of,
)
from segments.rules.reads import reading_of
from segments.rules.selections import Selector, clocks, start_name
from segments.rules.vocabulary import Catalogue, Unit

MOST_EVENTS = 20


@dataclass(frozen=True, slots=True)
class EventRead:
    """One event's name in a leaf, the stretch of time in which it is looked for, and the condition beside it."""

    event: str
    window: Within | Period | None
    where: Condition | None


def event_reads(leaf: Leaf, *, catalogue: Catalogue, zone: tzinfo) -> tuple[EventRead, ...]:
    """What of the history a leaf looks at; nothing where it looks at none."""
    if isinstance(leaf, EventLeaf):
        return (EventRead(leaf.event, leaf.window, leaf.where),)
    if isinstance(leaf, TraitLeaf | ConsentLeaf | ListLeaf):
        return ()
    reading = reading_of([leaf], catalogue=catalogue, zone=zone, consent_columns=None)
    reach = {history.event: _window(history) for history in reading.histories}
    named = [(EVERY_EVENT, None)] if EVERY_EVENT in reach else _named(leaf)
    return tuple(dict.fromkeys(EventRead(event, reach.get(event), where) for event, where in named))


def statement_body(
    rule: Rule, *, compiled: Compiled, catalogue: Catalogue, zone: tzinfo
) -> tuple[ir.Table | None, Mapping[int, str]]:
    """An expression over the relations of `compiled`, whose rows are (leaf, event_id, name, ts, total).

    Beside it the paths by the number in the column `leaf`; None where no leaf looks at events.
    """
    asked = {
        path: reads for path, leaf in leaves_of(rule) if (reads := event_reads(leaf, catalogue=catalogue, zone=zone))
    }
    if not asked:
        return None, {}
    tables, selector = relations(compiled.reading), Selector(catalogue, zone)
    windows = (read.window for reads in asked.values() for read in reads)
    starts = clocks(tables, (window.seconds for window in windows if isinstance(window, Within)))
    events = tables.events.inner_join(starts, tables.events.profile_id == starts.clock_id)
    paths = dict(enumerate(asked))
    chosen = [_chosen(events, asked[path], selector, number) for number, path in paths.items()]
    return (ibis.union(*chosen) if len(chosen) > 1 else chosen[0]), paths


def _chosen(events: ir.Table, reads: tuple[EventRead, ...], selector: Selector, number: int) -> ir.Table:
    found = events.filter(reduce(or_, (_matches(events, read, selector).fill_null(False) for read in reads)))
    found = found.select("event_id", "name", "ts")
    counted = found.mutate(leaf=ibis.literal(number, type="int64"), total=found.count().over(ibis.window()))
    return counted.order_by(counted.ts.desc(), counted.event_id.desc()).limit(MOST_EVENTS)


def _matches(events: ir.Table, read: EventRead, selector: Selector) -> ir.BooleanColumn:
    if read.event != EVERY_EVENT:
        return selector.matches(events, read)
    until_now = events.ts <= events.now
    if not isinstance(read.window, Within):
        return until_now
    return until_now & (events.ts > events[start_name(read.window.seconds)])


def _named(part: Any) -> Iterator[tuple[str, Condition | None]]:
    """Every event named in a leaf; what stands in a condition is no event."""
    event = getattr(part, "event", None)
    if isinstance(event, str):
        yield event, getattr(part, "where", None)
    for name in getattr(part, "events", ()):
        yield name, None
    for field in fields(part) if is_dataclass(part) else ():
        inner = getattr(part, field.name)
        for one in inner if isinstance(inner, tuple) else (inner,):
            if field.name != "where" and is_dataclass(one):
                yield from _named(one)


def _window(history: History) -> Within | Period | None:
    if history.all_time:
        return None
    if history.seconds is not None:
        return Within(history.seconds, Unit.SECOND)
    return Period(history.since.isoformat(), None) if history.since else None
