"""What a rule leans on put in its place: the rules of other segments, and the values of thresholds.

A nested segment is not looked up in stored memberships: they are as old as their last evaluation, and a rule that read
them would be true or false by the order in which two rules happened to be judged. Its rule is copied in instead, and
decided in the same statement, from the same facts, at the same moment. Equal leaves and combinations are columns once,
so what two segments share costs once. The rules of a set that goes round in a circle have no meaning at all; `circle`
finds them, and whoever changes live rules asks it while nobody else can.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

from segments.rules.nodes import (
    ROOT,
    AllOf,
    AnyOf,
    EventLeaf,
    Nested,
    Node,
    NotOf,
    Rule,
    SegmentLeaf,
    Test,
    TraitLeaf,
    children_of,
    leaves_of,
)
from segments.rules.thresholds import Taken, Threshold, threshold_of
from segments.rules.vocabulary import Catalogue, Op

#: With everything it leans on. A rule of two parts that leans on another twice, and so on, doubles with every step.
MAX_RESOLVED_NODES = 1_000
_NO_COMPARISON = Test(Op.GE, Decimal(0))


@dataclass(frozen=True, slots=True)
class Measured:
    """What a threshold is taken from: a leaf without its comparison."""

    leaf: TraitLeaf | EventLeaf
    threshold: Threshold


def measured_of(leaf: TraitLeaf | EventLeaf) -> Measured | None:
    """What the leaf compares with, if that is a threshold."""
    threshold = threshold_of(leaf.test.value)
    return None if threshold is None else Measured(replace(leaf, test=_NO_COMPARISON), threshold)


def thresholds_in(rule: Rule) -> dict[str, Measured]:
    """The thresholds of a rule's own text, by the path of their leaf; those of nested segments are not its own."""
    return {
        path: measured
        for path, leaf in leaves_of(rule)
        if ".segment" not in path and isinstance(leaf, TraitLeaf | EventLeaf) and (measured := measured_of(leaf))
    }


def resolve(rule: Rule, *, catalogue: Catalogue) -> Rule:
    """The rule with nested rules and known thresholds in place; what is not known stays, for the checker to refuse."""
    return _resolved(rule, catalogue, ())


def with_taken(rule: Rule, taken: Mapping[str, Taken], path: str = ROOT) -> Rule:
    """The rule with the thresholds at these paths taken."""

    def below(child_path: str, child: Node) -> Node:
        return with_taken(child, taken, child_path)

    match rule:
        case AllOf():
            return AllOf(tuple(below(*child) for child in children_of(rule, path)))
        case AnyOf():
            return AnyOf(tuple(below(*child) for child in children_of(rule, path)))
        case NotOf(child):
            return NotOf(below(f"{path}.not", child))
        case Nested(key, child):
            return Nested(key, below(f"{path}.segment", child))
        case TraitLeaf(test=test) | EventLeaf(test=test) if path in taken:
            return replace(rule, test=replace(test, value=taken[path]))
        case _:
            return rule


def segments_used(rule: Rule) -> frozenset[str]:
    """The segments that a rule's own text names: nested ones, and populations of thresholds."""
    return frozenset(_used(rule))


def closure(rule: Rule, *, segments: Mapping[str, Rule]) -> frozenset[str]:
    """Every segment that is nested in the rule, however deep. Populations only shape a snapshot, and are left out."""
    found: set[str] = set()
    waiting = [rule]
    while waiting:
        for key in _nested(waiting.pop()):
            if key not in found and key in segments:
                found.add(key)
                waiting.append(segments[key])
    return frozenset(found)


def circle(key: str, rule: Rule, *, segments: Mapping[str, Rule]) -> tuple[str, ...]:
    """The way from `key` back to itself if it had this rule, as keys; empty where there is none."""
    came_from: dict[str, str] = {}
    waiting = [(key, used) for used in sorted(segments_used(rule))]
    while waiting:
        user, used = waiting.pop(0)
        if used == key:
            way = [user]
            while way[-1] != key:
                way.append(came_from[way[-1]])
            return (*reversed(way), key)
        if used not in came_from and used in segments:
            came_from[used] = user
            waiting += [(used, further) for further in sorted(segments_used(segments[used]))]
    return ()


def told_circle(way: tuple[str, ...]) -> str:
    """The sentence that refuses a circle, naming everybody in it."""
    if len(way) == 2:
        return f"“{way[0]}” cannot lean on itself."
    steps = ", ".join(f"“{user}” leans on “{used}”" for user, used in pairwise(way))
    return f"This would go round in a circle: {steps}."


def resolved_size(rule: Rule, *, segments: Mapping[str, Rule]) -> int:
    """How many parts the rule has with everything nested in it, counted without building it."""
    return _size(rule, segments, {}, ())


def _resolved(node: Node, catalogue: Catalogue, above: tuple[str, ...]) -> Node:
    match node:
        case AllOf(children):
            return AllOf(tuple(_resolved(child, catalogue, above) for child in children))
        case AnyOf(children):
            return AnyOf(tuple(_resolved(child, catalogue, above) for child in children))
        case NotOf(child):
            return NotOf(_resolved(child, catalogue, above))
        case SegmentLeaf(key) if key in catalogue.segments and key not in above:
            return Nested(key, _resolved(catalogue.segments[key], catalogue, (*above, key)))
        case TraitLeaf(test=test) | EventLeaf(test=test) if isinstance(test.value, Threshold):
            measured = measured_of(node)
            taken = None if measured is None else catalogue.thresholds.get(measured)
            return node if taken is None else replace(node, test=replace(test, value=taken))
        case _:
            return node


def _used(node: Node) -> Iterator[str]:
    yield from _nested(node)
    for _, leaf in leaves_of(node):
        threshold = threshold_of(leaf.test.value) if isinstance(leaf, TraitLeaf | EventLeaf) else None
        if threshold is not None and threshold.over is not None:
            yield threshold.over


def _nested(node: Node) -> Iterator[str]:
    if isinstance(node, SegmentLeaf | Nested):
        yield node.segment
    for _, child in children_of(node, ""):
        yield from _nested(child)


def _size(node: Node, segments: Mapping[str, Rule], known: dict[str, int], above: tuple[str, ...]) -> int:
    if isinstance(node, SegmentLeaf) and node.segment in segments and node.segment not in above:
        if node.segment not in known:
            known[node.segment] = _size(segments[node.segment], segments, known, (*above, node.segment))
        return 1 + known[node.segment]
    return 1 + sum(_size(child, segments, known, above) for _, child in children_of(node, ""))
