"""The stages over people: leaves side by side, then the combinations, level by level. See `compiler`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import moment
from profiles.facts.relations import MOMENT, Relations
from segments.rules import due
from segments.rules.conditions import compared
from segments.rules.course_stages import CourseStages
from segments.rules.due import NEVER, Timed
from segments.rules.event_stages import EventStages
from segments.rules.nodes import (
    AllOf,
    AnyOf,
    ConsentLeaf,
    EventLeaf,
    EventNode,
    Leaf,
    LifecycleLeaf,
    ListLeaf,
    Nested,
    Node,
    NotOf,
    RepeatedLeaf,
    Rule,
    SequenceLeaf,
    SessionLeaf,
    TraitLeaf,
    TrendLeaf,
    Within,
    children_of,
    leaves_of,
)
from segments.rules.reads import consent_names, list_name, trait_column
from segments.rules.vocabulary import PRESENCE, Catalogue, Op


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the rules as one expression, and where in it each leaf's value and observed value stand, if kept."""

    table: ir.Table
    leaves: Mapping[Leaf, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where a node's value stands in a stage, and its due; no due = never."""

    value: str
    due: str | None


def part_of(
    *, rules: Mapping[int, Rule], tables: Relations, catalogue: Catalogue, zone: tzinfo, leaves: bool
) -> Part:
    """Compile `rules` (by position) to `v<position>` and `d<position>`; with `leaves`, the leaves' columns as well."""
    distinct = tuple(dict.fromkeys(leaf for rule in rules.values() for _, leaf in leaves_of(rule)))
    table, placed = _leaf_stage(distinct, tables, catalogue, zone, leaves)
    first = min(rules)
    kept = {
        leaf: (f"t{first}_{number}", f"o{first}_{number}") for number, leaf in enumerate(distinct) if leaves
    }
    for level in _levels(rules):
        table = _level_stage(table, level, placed)
    columns: dict[str, ir.Column] = {"profile_id": table.profile_id}
    for position, rule in rules.items():
        timed = _timed(table, rule, placed)
        columns[f"v{position}"] = timed.value
        columns[f"d{position}"] = ibis.null(MOMENT) if timed.due is None else due.never_is_null(timed.due)
    for number, leaf in enumerate(distinct):
        if leaves:
            columns[kept[leaf][0]] = table[placed[leaf].value]
            columns[kept[leaf][1]] = table[_observed(number)]
    return Part(table.select(**columns), kept)


def _leaf_stage(
    leaves: tuple[Leaf, ...], tables: Relations, catalogue: Catalogue, zone: tzinfo, observe: bool
) -> tuple[ir.Table, dict[Node, _Columns]]:
    event_leaves = tuple(leaf for leaf in leaves if isinstance(leaf, EventNode))
    events = EventStages(tables, event_leaves, catalogue=catalogue, zone=zone)
    courses = CourseStages(tables, leaves, catalogue=catalogue, zone=zone)
    table = courses.beside(_side_by_side(tables, events))
    columns: dict[str, ir.Column] = {"profile_id": table.profile_id}
    placed: dict[Node, _Columns] = {}
    for number, leaf in enumerate(leaves):
        match leaf:
            case TraitLeaf():
                timed, observed = _trait(table, leaf, catalogue, zone)
            case ConsentLeaf():
                timed, observed = _consent(table, leaf)
            case ListLeaf(key):
                listed = table[list_name(key)].fill_null(False)
                timed, observed = Timed(listed, None), listed
            case EventLeaf() | LifecycleLeaf() | TrendLeaf():
                timed, observed = events.timed(table, leaf)
            case SequenceLeaf() | SessionLeaf() | RepeatedLeaf():
                timed, observed = courses.timed(table, leaf)
        columns |= _named(timed, f"{number}")
        if observe:
            columns[_observed(number)] = observed
        placed[leaf] = _placed(timed, f"{number}")
    return table.select(**columns), placed


def _side_by_side(tables: Relations, events: EventStages) -> ir.Table:
    scope, people = tables.scope, tables.people.rename(person_id="profile_id")
    table = scope.left_join(people, scope.profile_id == people.person_id)
    if not events.leaves:
        return table.select(*table.columns)
    totals = events.totals().rename(totals_id="profile_id")
    return table.left_join(totals, scope.profile_id == totals.totals_id).select(*table.columns, *totals.columns)


def _trait(
    table: ir.Table, leaf: TraitLeaf, catalogue: Catalogue, zone: tzinfo
) -> tuple[Timed, ir.Column]:
    column = trait_column(leaf, catalogue=catalogue)
    held = table[column.name]
    if leaf.test.op in PRESENCE:
        # A person of whom the people relation has no row has no traits: known, not unknown.
        present = held.fill_null(False)
        return Timed(present if leaf.test.op is Op.EXISTS else ~present, None), present
    value = compared(held, leaf.test, value_type=column.type, now=table.now, zone=zone)
    if not isinstance(leaf.test.value, Within):
        return Timed(value, None), held
    leaves_at = held + ibis.interval(seconds=leaf.test.value.seconds)
    turns = ibis.cases((held > table.now, held), (value, leaves_at), else_=moment(NEVER))
    return Timed(value, turns), held


def _consent(table: ir.Table, leaf: ConsentLeaf) -> tuple[Timed, ir.Column]:
    granted, until = (table[name] for name in consent_names(leaf.purpose))
    lives = granted & (until > table.now).fill_null(True)
    return Timed(lives, lives.ifelse(until.fill_null(moment(NEVER)), moment(NEVER))), granted


def _levels(rules: Mapping[int, Rule]) -> list[dict[Node, str]]:
    """The distinct combinations by height, with a name each; every level reads only finished columns."""
    levels: dict[int, dict[Node, str]] = {}
    for node in dict.fromkeys(node for rule in rules.values() for node in _combinations(rule)):
        level = levels.setdefault(_height(node), {})
        level[node] = f"{_height(node)}_{len(level)}"
    return [levels[height] for height in sorted(levels)]


def _combinations(node: Node) -> Iterator[Node]:
    for _, child in children_of(node, ""):
        yield from _combinations(child)
    if isinstance(node, AllOf | AnyOf) and len(node.children) > 1:
        yield node


def _height(node: Node) -> int:
    match node:
        case AllOf(children) | AnyOf(children) if len(children) > 1:
            return 1 + max(_height(child) for child in children)
        case AllOf(children) | AnyOf(children):
            return _height(children[0])
        case NotOf(child) | Nested(_, child):
            return _height(child)
        case _:
            return 0


def _level_stage(table: ir.Table, level: Mapping[Node, str], placed: dict[Node, _Columns]) -> ir.Table:
    columns: dict[str, ir.Column] = {}
    found: dict[Node, _Columns] = {}
    for node, name in level.items():
        children = [_timed(table, child, placed) for _, child in children_of(node, "")]
        timed = due.all_of(children) if isinstance(node, AllOf) else due.any_of(children)
        columns |= _named(timed, name)
        found[node] = _placed(timed, name)
    placed |= found
    return table.select(*table.columns, **columns)


def _timed(table: ir.Table, node: Node, placed: Mapping[Node, _Columns]) -> Timed:
    """A finished node's columns in `table`. A *not*, or a combination of one, costs no column of its own."""
    match node:
        case NotOf(child):
            return due.not_of(_timed(table, child, placed))
        case Nested(_, rule):
            return _timed(table, rule, placed)
        case AllOf((only,)) | AnyOf((only,)):
            return _timed(table, only, placed)
        case _:
            columns = placed[node]
            return Timed(table[columns.value], None if columns.due is None else table[columns.due])


def _named(timed: Timed, name: str) -> dict[str, ir.Column]:
    columns: dict[str, ir.Column] = {f"value_{name}": timed.value}
    if timed.due is not None:
        columns[f"due_{name}"] = timed.due
    return columns


def _placed(timed: Timed, name: str) -> _Columns:
    return _Columns(f"value_{name}", None if timed.due is None else f"due_{name}")


def _observed(number: int) -> str:
    return f"observed_{number}"
