"""A funnel as one SQL statement over everybody, equal to `reference` for any funnel and any events.

Per event, `c<i>` is the best way that ends there with step i, as an array: moment and id of the entry, then the moment
of each further step. Arrays compare from the left, so the greatest is the way that was entered last, whose steps came
last. The best way to step i ends at this event if it is step i, and is the greatest of the ways to step i - 1 before
it: a running maximum, or with strict order that of the event just before. One sort serves every step, and the latest
entry is within the window whenever any is, so no other way need be kept. Conditions are the rule language's, written
by its own compiler; moments are whole microseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir

from profiles.facts import postgres
from profiles.facts.relations import EventColumn, PropertyColumn, Reading, Relations, relations
from profiles.facts.values import ValueType
from segments.funnels.definition import Funnel, Order, Step
from segments.rules.conditions import where
from segments.rules.nodes import ContextLeaf, PropertyLeaf, leaves_of
from segments.rules.reads import property_column
from segments.rules.vocabulary import Catalogue

MOST_GROUPS = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ByProperty:
    """Split by a property of the event with which somebody entered."""

    property: str


@dataclass(frozen=True, slots=True)
class BySegment:
    """Split by whether somebody is in a segment now."""

    segment_id: int


@dataclass(frozen=True, slots=True)
class BySegmentAtEntry:
    """Split by whether somebody was in a segment at the moment at which they entered."""

    segment_id: int


Split = ByProperty | BySegment | BySegmentAtEntry


@dataclass(frozen=True, slots=True)
class Statement:
    """The text and its parameters. A row per group and one for all: see `columns`."""

    sql: str
    parameters: Mapping[str, Any]


def build(
    funnel: Funnel,
    *,
    start: datetime,
    end: datetime,
    now: datetime,
    split: Split | None,
    catalogue: Catalogue,
    workspace_tz: str,
) -> Statement:
    """Write the statement for entries in [start, end), with what is known by `now`.

    A row holds: whether it is for all, whether it is what is left beside the largest groups, the group's label, the
    people who reached each step, the median seconds from each step to the next, and that of the whole way.
    """
    zone = ZoneInfo(workspace_tz)
    grouping = _property_column(funnel, split, catalogue)
    reading = _reading(funnel, catalogue, grouping)
    matched = _matched(funnel, relations(reading), catalogue, zone, grouping)
    window = funnel.within.seconds * 1_000_000
    ctes = [
        postgres.events_between(reading=reading, names=funnel.events, zone=workspace_tz),
        f"matched AS (\n{postgres.escaped(postgres.rendered(matched))}\n)",
        _timed(funnel),
        *_chains(funnel, window=window, last_entry=_micros(end)),
        _ended(len(funnel.steps)),
        *_grouped(split),
    ]
    sql = "WITH " + ",\n".join(ctes) + "\n" + _counted(len(funnel.steps), split)
    until = min(end + timedelta(seconds=funnel.within.seconds), now)
    return Statement(sql, {"start": start, "end": until})


# -- which events are which steps ------------------------------------------------------------------------------------
def _reading(funnel: Funnel, catalogue: Catalogue, grouping: PropertyColumn | None) -> Reading:
    columns: list[EventColumn] = [
        property_column(step.event, leaf, catalogue=catalogue) for step in funnel.steps for leaf in _conditions(step)
    ]
    return Reading.of(properties=columns + ([grouping] if grouping else []))


def _conditions(step: Step) -> list[PropertyLeaf | ContextLeaf]:
    if step.where is None:
        return []
    return [leaf for _, leaf in leaves_of(step.where) if isinstance(leaf, PropertyLeaf | ContextLeaf)]


def _property_column(funnel: Funnel, split: Split | None, catalogue: Catalogue) -> PropertyColumn | None:
    if not isinstance(split, ByProperty):
        return None
    event = funnel.steps[0].event
    return PropertyColumn(event, split.property, catalogue.properties[event, split.property])


def _matched(
    funnel: Funnel, tables: Relations, catalogue: Catalogue, zone: tzinfo, grouping: PropertyColumn | None
) -> ir.Table:
    events = tables.events
    columns: dict[str, ir.Column] = {"profile_id": events.profile_id, "ts": events.ts, "event_id": events.event_id}
    for number, step in enumerate(funnel.steps, start=1):
        columns[f"m{number}"] = _meets(step, events, catalogue, zone)
    columns["label"] = _text(events, grouping) if grouping else ibis.null("string")
    return events.select(**columns)


def _meets(step: Step, events: ir.Table, catalogue: Catalogue, zone: tzinfo) -> ir.BooleanColumn:
    named: ir.BooleanColumn = events.name == step.event
    if step.where is None:
        return named

    def column_of(leaf: PropertyLeaf | ContextLeaf) -> tuple[ir.Column, ValueType]:
        column = property_column(step.event, leaf, catalogue=catalogue)
        return events[column.name], column.type

    return named & where(step.where, column_of=column_of, ts=events.ts, zone=zone)


def _text(events: ir.Table, column: PropertyColumn) -> ir.StringColumn:
    held = events[column.name]
    return held if column.type is ValueType.TEXT else held.cast("string")


def _timed(funnel: Funnel) -> str:
    """Events that are no step are of no use, but for strict order, where they come between."""
    steps = [f"m{number}" for number in range(1, len(funnel.steps) + 1)]
    kept = "" if funnel.order is Order.STRICT else f" WHERE {' OR '.join(steps)}"
    micros = "(extract(epoch FROM ts) * 1000000)::bigint AS us"
    return f"timed AS (\n  SELECT profile_id, event_id, {micros}, label, {', '.join(steps)} FROM matched{kept}\n)"


# -- the ways through ------------------------------------------------------------------------------------------------
def _chains(funnel: Funnel, *, window: int, last_entry: int) -> list[str]:
    entry = f"CASE WHEN m1 AND us < {last_entry} THEN ARRAY[us, event_id] END AS c1"
    stages = [f"chain_1 AS (SELECT *, {entry} FROM timed)"]
    strict = funnel.order is Order.STRICT
    frame = "PARTITION BY profile_id ORDER BY us, event_id"
    for number in range(2, len(funnel.steps) + 1):
        before = f"c{number - 1}"
        best = (
            f"lag({before}) OVER ({frame})"
            if strict
            else f"max({before}) OVER ({frame} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
        )
        reached = f"CASE WHEN m{number} AND before[1] > us - {window} THEN before || us END AS c{number}"
        kept = ", ".join(f"c{earlier}" for earlier in range(1, number))
        steps = ", ".join(f"m{each}" for each in range(number + 1, len(funnel.steps) + 1))
        more = f", {steps}" if steps else ""
        stages.append(
            f"chain_{number} AS (\n  SELECT profile_id, event_id, us, label, {kept}{more}, {reached}\n"
            f"  FROM (SELECT *, {best} AS before FROM chain_{number - 1}) sorted\n)"
        )
    return stages


def _ended(steps: int) -> str:
    """Per person the way that leads farthest, and of those the first that is there.

    Of an event that ends several ways only the farthest is looked at: where a person's farthest is, it is that one.
    """
    deepest_first = range(steps, 0, -1)
    depth = " ".join(f"WHEN c{number} IS NOT NULL THEN {number}" for number in deepest_first)
    chain = ", ".join(f"c{number}" for number in deepest_first)
    return (
        "ended AS (\n  SELECT DISTINCT ON (profile_id) profile_id, depth, chain\n"
        f"  FROM (SELECT profile_id, us, event_id, CASE {depth} END AS depth, coalesce({chain}) AS chain\n"
        f"          FROM chain_{steps}) told\n"
        "  WHERE chain IS NOT NULL ORDER BY profile_id, depth DESC, us, event_id\n)"
    )


def _grouped(split: Split | None) -> list[str]:
    if split is None:
        return ["grouped AS (SELECT depth, chain FROM ended)"]
    return [_labelled(split), _ranked()]


def _labelled(split: Split) -> str:
    match split:
        case ByProperty():
            entered = "t.profile_id = e.profile_id AND t.us = e.chain[1] AND t.event_id = e.chain[2]"
            return f"labelled AS (SELECT e.*, t.label FROM ended e JOIN timed t ON {entered})"
        case BySegment(segment_id):
            return _by_stay(segment_id, "m.left_at IS NULL")
        case BySegmentAtEntry(segment_id):
            entered = "(extract(epoch FROM m.entered_at) * 1000000)::bigint <= e.chain[1]"
            left = "(extract(epoch FROM m.left_at) * 1000000)::bigint > e.chain[1]"
            return _by_stay(segment_id, f"{entered} AND (m.left_at IS NULL OR {left})")


def _by_stay(segment_id: int, condition: str) -> str:
    """The stays of somebody who was merged away are those of who they are now."""
    stay = (
        "SELECT FROM membership m JOIN origin o ON o.id = m.profile_id"
        f" WHERE o.root_id = e.profile_id AND m.segment_id = {segment_id} AND {condition}"
    )
    return f"labelled AS (SELECT e.*, CASE WHEN EXISTS ({stay}) THEN 'in' ELSE 'out' END AS label FROM ended e)"


# -- counting --------------------------------------------------------------------------------------------------------
def _ranked() -> str:
    return (
        'ranked AS (\n  SELECT label, row_number() OVER (ORDER BY count(*) DESC, label COLLATE "C") AS rank\n'
        "  FROM labelled GROUP BY label\n),\n"
        "grouped AS (\n  SELECT l.depth, l.chain, r.rank > "
        f"{MOST_GROUPS} AS is_rest, CASE WHEN r.rank <= {MOST_GROUPS} THEN l.label END AS label\n"
        "  FROM labelled l JOIN ranked r ON r.label IS NOT DISTINCT FROM l.label\n)"
    )


def _counted(steps: int, split: Split | None) -> str:
    columns = ["count(*)" if number == 1 else _reached(number) for number in range(1, steps + 1)]
    columns += [_median(f"{_at(number)} - {_at(number - 1)}", number) for number in range(2, steps + 1)]
    columns.append(_median(f"{_at(steps)} - {_at(1)}", steps))
    if split is None:
        head, groups = "true, false, NULL::text", "()"
    else:
        head, groups = "grouping(is_rest) = 1, coalesce(is_rest, false), label", "GROUPING SETS ((), (is_rest, label))"
    return f"SELECT {head}, {', '.join(columns)}\n  FROM grouped GROUP BY {groups} ORDER BY 1 DESC, 2, 4 DESC, 3"


def _reached(number: int) -> str:
    return f"count(*) FILTER (WHERE depth >= {number})"


def _median(expression: str, depth: int) -> str:
    ordered = f"percentile_cont(0.5) WITHIN GROUP (ORDER BY ({expression})::float8)"
    return f"{ordered} FILTER (WHERE depth >= {depth}) / 1000000"


def _at(number: int) -> str:
    """Where the moment of a step stands in a way: the id of the entry comes after its moment."""
    return "chain[1]" if number == 1 else f"chain[{number + 1}]"


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
