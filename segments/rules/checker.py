"""Nodes against the catalogue: do the names exist, does the operator fit the type, does the value fit the operator?

A rule that is true for a person with no data at all is allowed, but its author is told: such a segment silently takes
in every person ever created, and grows with every anonymous visitor.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from profiles.facts.people import NOBODY
from segments.rules.checks import population, typed_test, unknown_name
from segments.rules.course_checks import course_problems
from segments.rules.event_checks import event_problems, lifecycle_problems, trend_problems
from segments.rules.nodes import (
    ROOT,
    ConsentLeaf,
    EventLeaf,
    LifecycleLeaf,
    ListLeaf,
    Node,
    RepeatedLeaf,
    Rule,
    SegmentLeaf,
    SequenceLeaf,
    SessionLeaf,
    Test,
    TraitLeaf,
    TrendLeaf,
    leaves_of,
)
from segments.rules.parser import Broken, Problem, read
from segments.rules.reference import value_at
from segments.rules.resolving import MAX_RESOLVED_NODES, resolve, resolved_size
from segments.rules.vocabulary import Catalogue

TRUE_WITHOUT_DATA = Problem(
    ROOT,
    "This rule is true for a person about whom nothing is known, so everybody new belongs to the segment at once.",
    "true_without_data",
)


@dataclass(frozen=True, slots=True)
class Findings:
    """What stands in the way of a rule (problems), and what its author must acknowledge (warnings)."""

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


def check(rule: Rule, *, catalogue: Catalogue, workspace_tz: tzinfo = UTC) -> Findings:
    """Every problem of `rule` against the catalogue; warnings when there is none."""
    problems = tuple(_problems(rule, catalogue, workspace_tz))
    if problems:
        return Findings(problems)
    return Findings(warnings=tuple(_warnings(rule, catalogue, workspace_tz)))


def review(document: Any, *, catalogue: Catalogue, workspace_tz: tzinfo = UTC) -> Findings:
    """Parse and check in one: the problems of shape and of meaning together."""
    node, misshapen = read(document)
    if not misshapen:
        return check(node, catalogue=catalogue, workspace_tz=workspace_tz)  # type: ignore[arg-type]
    return Findings((*misshapen, *_problems(node, catalogue, workspace_tz)))


def _warnings(rule: Rule, catalogue: Catalogue, zone: tzinfo) -> Iterator[Problem]:
    # Nobody's answer does not depend on the moment: without data there is nothing that could age.
    if value_at(rule, NOBODY, now=datetime(2000, 1, 1, tzinfo=UTC), catalogue=catalogue, workspace_tz=zone):
        yield TRUE_WITHOUT_DATA


def _problems(node: Node | Broken, catalogue: Catalogue, zone: tzinfo) -> Iterator[Problem]:
    if resolved_size(node, segments=catalogue.segments) > MAX_RESOLVED_NODES:  # type: ignore[arg-type]
        told = f"With the segments it leans on, a rule may have {MAX_RESOLVED_NODES:,} parts, not more."
        yield Problem(ROOT, told)
        return
    for path, leaf in leaves_of(resolve(node, catalogue=catalogue)):  # type: ignore[arg-type]
        match leaf:
            case SegmentLeaf(key):
                yield unknown_name("live segment", key, f"{path}.segment", catalogue.segments)
            case ListLeaf(key):
                if key not in catalogue.lists:
                    yield unknown_name("list", key, f"{path}.list", catalogue.lists)
            case TraitLeaf(trait, test):
                yield from _trait(trait, test, path, catalogue, zone)
            case ConsentLeaf(purpose):
                if purpose not in catalogue.purposes:
                    yield unknown_name("purpose", purpose, f"{path}.consent", catalogue.purposes)
            case EventLeaf():
                yield from event_problems(leaf, path, catalogue, zone)
            case LifecycleLeaf():
                yield from lifecycle_problems(leaf, path, catalogue, zone)
            case TrendLeaf():
                yield from trend_problems(leaf, path, catalogue, zone)
            case SequenceLeaf() | SessionLeaf() | RepeatedLeaf():
                yield from course_problems(leaf, path, catalogue, zone)


def _trait(trait: str, test: Test, path: str, catalogue: Catalogue, zone: tzinfo) -> Iterator[Problem]:
    value_type = catalogue.traits.get(trait)
    if value_type is None:
        yield unknown_name("trait", trait, f"{path}.trait", catalogue.traits)
    else:
        yield from typed_test(f'The trait "{trait}"', value_type, test, path, zone)
        yield from population(test, path, catalogue)
