"""What each node of a rule said about one person, and why: from the values the compiled statement itself returned.

Nothing is evaluated a second time here. A leaf's truth comes from its column; the combinations above follow from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from segments.rules.logic import Truth, all_of, any_of, not_of
from segments.rules.nodes import ROOT, AllOf, AnyOf, EventLeaf, Nested, Node, NotOf, Rule, TraitLeaf, children_of
from segments.rules.sentences import sentence
from segments.rules.thresholds import Taken

Observed = str | bool | int | Decimal | datetime | None


@dataclass(frozen=True, slots=True)
class LeafValue:
    """A leaf's truth and what it saw: a count, a sum, a trait's value, whether consent was given."""

    value: Truth
    observed: Observed = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A node of the rule with its answer; `observed` only at leaves, `threshold` where it was compared with one."""

    path: str
    sentence: str
    value: Truth
    observed: Observed = None
    children: "tuple[Explanation, ...]" = ()
    threshold: Taken | None = None


def explain(rule: Rule, leaves: Mapping[str, LeafValue]) -> Explanation:
    """Tell how `rule` came to its answer, given each leaf's value by path (`Compiled.leaf_values`)."""
    return _explained(rule, ROOT, leaves)


def _explained(node: Node, path: str, leaves: Mapping[str, LeafValue]) -> Explanation:
    children = tuple(_explained(child, child_path, leaves) for child_path, child in children_of(node, path))
    values = [child.value for child in children]
    match node:
        case AllOf():
            return Explanation(path, sentence(node), all_of(values), children=children)
        case AnyOf():
            return Explanation(path, sentence(node), any_of(values), children=children)
        case NotOf():
            return Explanation(path, sentence(node), not_of(values[0]), children=children)
        case Nested():
            return Explanation(path, sentence(node), values[0], children=children)
        case _:
            leaf = leaves[path]
            return Explanation(path, sentence(node), leaf.value, leaf.observed, threshold=_threshold(node))


def _threshold(node: Node) -> Taken | None:
    compared = node.test.value if isinstance(node, TraitLeaf | EventLeaf) else None
    return compared if isinstance(compared, Taken) else None
