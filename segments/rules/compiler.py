"""Rules to one relational expression, and to the Postgres statement that decides them all at once.

The expression is built in stages, each one select over the one before:

    clocks     scope with the start of every relative window, so that an event is compared with a column
    matched    events with their person's clock: per series (an event leaf without its threshold) whether it matches
    walked     only where needed: per series what the strictly newer events of the window come to (see `walks`)
    totals     one row per person, a FILTER per series
    leaves     people and totals side by side: per distinct leaf value, due and observed value
    levels     per height of the tree the combinations, each from finished columns below (see `due`)

Equal leaves, series and combinations are columns once, however many rules hold them. The stages are the point, not an
ornament: value and due of a combination each use their children several times, so that written as one expression they
would grow with 3^depth. For the same reason the statement has OFFSET 0 in every inner select, without which Postgres
would substitute the stages into each other again.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import ibis.expr.types as ir

from profiles.facts import postgres
from profiles.facts.measures import Measure
from profiles.facts.relations import ExtraColumn, Reading, relations
from segments.rules.checker import check
from segments.rules.explain import LeafValue
from segments.rules.nodes import AllOf, AnyOf, EventLeaf, EventNode, Node, Rule, SequenceLeaf, children_of, leaves_of
from segments.rules.parser import Refused
from segments.rules.reads import reading_of, touch_keys
from segments.rules.resolving import resolve
from segments.rules.stages import Part, part_of
from segments.rules.vocabulary import Catalogue

__all__ = ["Compiled", "LeafColumns", "compile", "touch_keys"]

# A Postgres select has at most 1,664 columns; the widest stage has up to four per leaf, six where more than counts and
# sums are measured, and two per combination. Larger sets are decided part by part.
_COLUMNS_PER_PART = 1_400
_MOST_COLUMNS = 1_600


class TooManyRules(ValueError):
    """The result would be wider than Postgres allows: compile the rules in several sets."""


@dataclass(frozen=True, slots=True)
class LeafColumns:
    """Where a leaf of a rule stands in the result: its truth value and what was observed (count, sum, trait value)."""

    path: str
    value: str
    observed: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """A set of rules as one statement.

    `sql` takes `%(ids)s` (list of profile ids; None = everybody not merged away) and `%(now)s`, and is a plain select
    that may stand in a CTE. It has a row per person in scope: profile_id, then the columns named in `values` and
    `dues` (`v0`, `d0`, … in the order of `rules`; a due of NULL = time alone never changes it), then, if compiled with
    leaves, the columns named in `leaves`. `reads` says which touch keys can change a rule.
    """

    sql: str
    rules: tuple[str, ...]
    values: Mapping[str, str]
    dues: Mapping[str, str]
    leaves: Mapping[str, tuple[LeafColumns, ...]]
    reads: Mapping[str, frozenset[str]]
    columns: tuple[str, ...]
    reading: Reading
    expression: ir.Table

    def leaf_values(self, *, rule: str, row: Mapping[str, Any]) -> dict[str, LeafValue]:
        """What each leaf of `rule` said in one result row, by path: what `explain` takes."""
        return {
            leaf.path: LeafValue(value=row[leaf.value], observed=row[leaf.observed]) for leaf in self.leaves[rule]
        }


def compile(
    rules: Mapping[str, Rule],
    *,
    catalogue: Catalogue,
    workspace_tz: str = "UTC",
    leaves: bool = False,
    consent_columns: Callable[[str], Iterable[ExtraColumn]] | None = None,
    list_columns: Callable[[str], Iterable[ExtraColumn]] | None = None,
) -> Compiled:
    """Compile `rules` (by key) into one statement, each with the live rules it nests in their places.

    `consent_columns` gives the people columns of a purpose: `consent:<purpose>` (boolean) and `consent_until:<purpose>`
    (datetime); `list_columns` the column of a list, `list:<key>` (boolean). Raises Refused, its paths led by the rule's
    key, when a rule does not fit the catalogue, and TooManyRules where their columns are more than one statement can
    return.
    """
    zone = ZoneInfo(workspace_tz)
    _refuse_misfits(rules, catalogue, zone)
    rules = {key: resolve(rule, catalogue=catalogue) for key, rule in rules.items()}
    reading = reading_of(
        rules.values(), catalogue=catalogue, zone=zone, consent_columns=consent_columns, list_columns=list_columns
    )
    tables = relations(reading)
    parts = [
        part_of(rules=part, tables=tables, catalogue=catalogue, zone=zone, leaves=leaves) for part in _parts(rules)
    ]
    expression = _joined(parts)
    if len(expression.columns) > _MOST_COLUMNS:
        raise TooManyRules(f"{len(rules)} rules come to {len(expression.columns)} columns; at most {_MOST_COLUMNS}")
    return Compiled(
        sql=postgres.statement(reading=reading, body=postgres.rendered(expression), zone=workspace_tz),
        rules=tuple(rules),
        values={key: f"v{position}" for position, key in enumerate(rules)},
        dues={key: f"d{position}" for position, key in enumerate(rules)},
        leaves={key: _leaf_columns(rule, parts) for key, rule in rules.items()} if leaves else {},
        reads={key: touch_keys(rule) for key, rule in rules.items()},
        columns=tuple(expression.columns),
        reading=reading,
        expression=expression,
    )


def _refuse_misfits(rules: Mapping[str, Rule], catalogue: Catalogue, zone: tzinfo) -> None:
    problems = [
        replace(problem, path=f"{key}: {problem.path}")
        for key, rule in rules.items()
        for problem in check(rule, catalogue=catalogue, workspace_tz=zone).problems
    ]
    if problems:
        raise Refused(problems)


def _parts(rules: Mapping[str, Rule]) -> Iterator[dict[int, Rule]]:
    """The rules by position, in as few parts as the columns allow."""
    part: dict[int, Rule] = {}
    seen: set[Node] = set()
    for position, rule in enumerate(rules.values()):
        together = seen | set(_nodes(rule))
        if part and _widest(together, len(part) + 1) > _COLUMNS_PER_PART:
            yield part
            part, together = {}, set(_nodes(rule))
        part[position] = rule
        seen = together
    yield part


def _widest(nodes: Collection[Node], rules: int) -> int:
    combinations = sum(isinstance(node, AllOf | AnyOf) for node in nodes)
    steps = sum(len(node.steps) for node in nodes if isinstance(node, SequenceLeaf))
    wide = sum(isinstance(node, EventNode) and not _is_plain(node) for node in nodes)
    return 4 * (len(nodes) - combinations) + 2 * wide + 4 * steps + 2 * combinations + 2 * rules


def _is_plain(leaf: EventNode) -> bool:
    """Whether it needs no more than a total and the moments at which it turns true or false."""
    return isinstance(leaf, EventLeaf) and leaf.measure in (Measure.COUNT, Measure.SUM)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for _, child in children_of(node, ""):
        yield from _nodes(child)


def _joined(parts: Sequence[Part]) -> ir.Table:
    whole = parts[0].table
    for part in parts[1:]:
        whole = whole.inner_join(part.table, "profile_id")
    return whole


def _leaf_columns(rule: Rule, parts: Sequence[Part]) -> tuple[LeafColumns, ...]:
    places = {leaf: names for part in parts for leaf, names in part.leaves.items()}
    return tuple(LeafColumns(path, *places[leaf]) for path, leaf in leaves_of(rule))
