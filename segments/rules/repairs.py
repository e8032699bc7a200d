"""What would have to be different: the leaves that stand in the way of an answer, and the smallest sets of them.

Take a rule that is not true. A leaf stands in the way when its answer is not the one its place asks for: true, or below
an odd number of *not*s false; unknown is neither. To make an *all* true each child has to be, so their sets come
together; for an *any* the cheapest child is enough; *not* asks its child for the opposite; to make one false it is the
other way round. That is a minimum over a tree, found in one pass, as long as no condition stands in it twice.

A condition that does is one condition: to change it costs once and changes both places, perhaps one for the worse. So
for those few every outcome is tried, and the pass is made under each. Whether one person could have all of it at once,
a country of DE and of FR, is not asked: it is the answers that are changed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from segments.rules.logic import Truth
from segments.rules.nodes import ROOT, AllOf, AnyOf, Leaf, Nested, Node, NotOf, Rule, children_of, leaves_of

#: So many sets of the smallest size are told; of more, those that come first in the rule.
MOST_SETS = 10
# Three outcomes each: 729 passes. A rule with more conditions that stand in it twice has each place counted by itself.
_MOST_TRIED = 6


@dataclass(frozen=True, slots=True)
class Repair:
    """By path: what stands in the way, and the smallest sets whose change alone would give the other answer.

    A condition that stands in the rule several times is named by the first of its paths.
    """

    in_the_way: tuple[str, ...]
    smallest: tuple[tuple[str, ...], ...]


def repair(rule: Rule, truths: Mapping[str, Truth], *, wanted: bool) -> Repair:
    """What keeps `rule`, whose leaves answered `truths` by path, from being `wanted`."""
    places: dict[Leaf, list[str]] = {}
    for path, leaf in leaves_of(rule):
        places.setdefault(leaf, []).append(path)
    twice = [paths for paths in places.values() if len(paths) > 1]
    tried = twice if len(twice) <= _MOST_TRIED else []
    found: set[tuple[str, ...]] = set()
    for outcome in _outcomes(tried, truths):
        changed = tuple(paths[0] for paths, value in outcome if value is not truths[paths[0]])
        settled = {path: value for paths, value in outcome for path in paths}
        search = _Search(truths, settled)
        found.update(_smallest((*changed, *one) for one in search.sets(rule, ROOT, wanted)))
    order = {path: position for position, (path, _) in enumerate(leaves_of(rule))}
    told = sorted(_smallest(found), key=lambda paths: sorted(order[path] for path in paths))
    return Repair(
        tuple(_in_the_way(rule, ROOT, truths, wanted)),
        tuple(tuple(sorted(paths, key=order.__getitem__)) for paths in told[:MOST_SETS]),
    )


def _outcomes(twice: Sequence[list[str]], truths: Mapping[str, Truth]) -> Iterator[tuple[tuple[list[str], Truth], ...]]:
    options = [dict.fromkeys((truths[paths[0]], True, False)) for paths in twice]
    for values in product(*options):
        yield tuple(zip(twice, values, strict=True))


@dataclass(frozen=True, slots=True)
class _Search:
    truths: Mapping[str, Truth]
    settled: Mapping[str, Truth]

    def sets(self, node: Node, path: str, wanted: bool) -> list[tuple[str, ...]]:
        """The smallest sets of leaves that make `node` wanted, at most MOST_SETS; none where it cannot be."""
        match node:
            case NotOf(child):
                return self.sets(child, f"{path}.not", not wanted)
            case AllOf() | AnyOf() | Nested():
                below = [self.sets(child, place, wanted) for place, child in children_of(node, path)]
                return _each(below) if isinstance(node, AnyOf) != wanted else _cheapest(below)
            case _:
                if path in self.settled:
                    return [()] if self.settled[path] is wanted else []
                return [()] if self.truths[path] is wanted else [(path,)]


def _each(below: Iterable[list[tuple[str, ...]]]) -> list[tuple[str, ...]]:
    together: list[tuple[str, ...]] = [()]
    for sets in below:
        together = [(*one, *other) for one in together for other in sets][:MOST_SETS]
    return together


def _cheapest(below: Iterable[list[tuple[str, ...]]]) -> list[tuple[str, ...]]:
    return _smallest(one for sets in below for one in sets)[:MOST_SETS]


def _smallest(sets: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    known = list(sets)
    least = min(map(len, known), default=0)
    return [one for one in known if len(one) == least]


def _in_the_way(node: Node, path: str, truths: Mapping[str, Truth], wanted: bool) -> Iterator[str]:
    for place, child in children_of(node, path):
        yield from _in_the_way(child, place, truths, (not wanted) if isinstance(node, NotOf) else wanted)
    if path in truths and truths[path] is not wanted:
        yield path
