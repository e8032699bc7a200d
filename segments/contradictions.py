"""Branches that no one can satisfy: `country = DE` and `country = FR`, at least five and fewer than three.

What a branch asks of one thing (a trait, a property, a count over one window) is gathered along its way down from the
root: everything under `all`, and what `not` turns round. It is impossible when no value can be true of all of it:

    a value is named (=, in)        each named one is tried against the rest
    a range (<, between, after …)   the bounds are laid over each other; of a count whole numbers from 0 on are left
    a presence (exists, missing)    something missing compares with nothing, for unknown is not true
    anything else                   a leaf and its negation exclude each other

It says "impossible" only where that is certain. Two windows that overlap, two texts that differ in their beginning: the
doubt goes to the author.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from profiles.facts.measures import Measure
from profiles.facts.values import Scalar, ValueType
from segments.rules.nodes import (
    ROOT,
    AllOf,
    AnyOf,
    EventLeaf,
    Leaf,
    Node,
    NotOf,
    PropertyLeaf,
    Test,
    TraitLeaf,
    children_of,
    leaves_of,
)
from segments.rules.reference import compare
from segments.rules.vocabulary import Catalogue, Op

_RANGES = frozenset({Op.LT, Op.LE, Op.GT, Op.GE, Op.BETWEEN, Op.BEFORE, Op.AFTER})
_NAMED = frozenset({Op.EQ, Op.IN})
_NAMED_BY_NOT = frozenset({Op.NE, Op.NOT_IN})
_COMPARED = _RANGES | _NAMED | _NAMED_BY_NOT
_OPPOSITE: Mapping[Op, Op] = {
    Op.LT: Op.GE, Op.LE: Op.GT, Op.GT: Op.LE, Op.GE: Op.LT, Op.BEFORE: Op.GE, Op.AFTER: Op.LE,
    Op.EQ: Op.NE, Op.NE: Op.EQ, Op.IN: Op.NOT_IN, Op.NOT_IN: Op.IN, Op.EXISTS: Op.MISSING, Op.MISSING: Op.EXISTS,
}  # fmt: skip
_ANY = Test(Op.EXISTS)


@dataclass(frozen=True, slots=True)
class _Not:
    """A leaf that has to be false."""

    leaf: Leaf


_Claim = Leaf | _Not
_Claims = tuple[_Claim, ...]


def impossible(rule: Node, *, catalogue: Catalogue, zone: tzinfo) -> tuple[str, ...]:
    """The paths of the branches that can be true of nobody, outermost first; the root when the whole rule cannot."""
    reader = _Reader(catalogue, zone)
    found: list[str] = []
    if not reader.can_hold(rule, ROOT, (), found):
        return (ROOT,)
    for path, leaf in leaves_of(rule):
        where = getattr(leaf, "where", None)
        if isinstance(leaf, EventLeaf) and where is not None:
            inside = _Reader(catalogue, zone, event=leaf.event)
            if not inside.can_hold(where, f"{path}.where", (), found):
                found.append(f"{path}.where")
    return tuple(dict.fromkeys(path for path in found if not _is_below(path, found)))


def _is_below(path: str, others: Iterable[str]) -> bool:
    return any(path != other and path.startswith((f"{other}.", f"{other}[")) for other in others)


@dataclass(frozen=True, slots=True)
class _Reader:
    catalogue: Catalogue
    zone: tzinfo
    event: str = ""

    def can_hold(self, node: Node, path: str, given: _Claims, found: list[str]) -> bool:
        """Whether `node` can be true of somebody of whom `given` is true; notes the branches that cannot."""
        match node:
            case AllOf():
                return self._all(list(children_of(node, path)), given, found)
            case AnyOf():
                return self._any(list(children_of(node, path)), given, found)
            case NotOf(AllOf(children)):
                either: list[tuple[str, Node]] = [
                    (f"{path}.not.all[{at}]", NotOf(child)) for at, child in enumerate(children)
                ]
                return self._any(either, given, found)
            case NotOf(AnyOf(children)):
                every: list[tuple[str, Node]] = [
                    (f"{path}.not.any[{at}]", NotOf(child)) for at, child in enumerate(children)
                ]
                return self._all(every, given, found)
            case NotOf(NotOf(child)):
                return self.can_hold(child, f"{path}.not.not", given, found)
        claim = _claim(node)
        return claim is None or self._fit((*given, claim))

    def _all(self, children: list[tuple[str, Node]], given: _Claims, found: list[str]) -> bool:
        together = (*given, *self._certain(node for _, node in children))
        if not self._fit(together):
            return False
        return all(self.can_hold(node, path, together, found) for path, node in children if _claim(node) is None)

    def _any(self, children: list[tuple[str, Node]], given: _Claims, found: list[str]) -> bool:
        outcomes = []
        for path, node in children:
            below: list[str] = []
            outcomes.append(self.can_hold(node, path, given, below))
            found += below if outcomes[-1] else [path]
        return any(outcomes)

    def _certain(self, nodes: Iterable[Node]) -> Iterator[_Claim]:
        """What has to be true of somebody of whom all these nodes are."""
        for node in nodes:
            if isinstance(node, AllOf):
                yield from self._certain(node.children)
            elif isinstance(node, NotOf) and isinstance(node.child, AnyOf):
                yield from self._certain(NotOf(child) for child in node.child.children)
            elif isinstance(node, NotOf) and isinstance(node.child, NotOf):
                yield from self._certain((node.child.child,))
            elif (claim := _claim(node)) is not None:
                yield claim

    def _fit(self, claims: _Claims) -> bool:
        wanted = {claim for claim in claims if not isinstance(claim, _Not)}
        if any(isinstance(claim, _Not) and claim.leaf in wanted for claim in claims):
            return False
        subjects: dict[Any, list[Test]] = {}
        for claim in claims:
            leaf = claim.leaf if isinstance(claim, _Not) else claim
            test = getattr(leaf, "test", None)
            if not isinstance(leaf, TraitLeaf | PropertyLeaf | EventLeaf) or not isinstance(test, Test):
                continue
            asked = _turned(test) if isinstance(claim, _Not) else test
            if asked is not None:
                subjects.setdefault(replace(leaf, test=_ANY), []).append(asked)
        return all(self._one_value(subject, tests) for subject, tests in subjects.items())

    def _one_value(self, subject: Leaf, tests: list[Test]) -> bool:
        """Whether one value, or its absence, is true of all the tests of one thing."""
        if any(test.op is Op.MISSING for test in tests):
            return all(test.op is Op.MISSING for test in tests)
        kind = self._type(subject)
        compared = [(test, test.operands(kind, zone=self.zone)) for test in tests if test.op in _COMPARED]
        readable = [(test, operands) for test, operands in compared if operands]
        if kind is ValueType.BOOLEAN:
            return _one_of((True, False), readable)
        named = [operands for test, operands in readable if test.op in _NAMED]
        if named:
            fewest: tuple[Scalar, ...] = min(named, key=len)
            return _one_of(fewest, readable)
        is_count = isinstance(subject, EventLeaf) and subject.measure is Measure.COUNT
        return _overlap(readable, whole=is_count, half_open=kind is ValueType.DATETIME)

    def _type(self, subject: Leaf) -> ValueType:
        match subject:
            case TraitLeaf(trait):
                return self.catalogue.traits.get(trait, ValueType.TEXT)
            case PropertyLeaf(name):
                return self.catalogue.properties.get((self.event, name), ValueType.TEXT)
            case EventLeaf(of=str() as of, measure=measure) if str(measure) in ("first", "last"):
                return self.catalogue.properties.get((subject.event, of), ValueType.TEXT)
            case _:
                return ValueType.NUMBER


def _claim(node: Node) -> _Claim | None:
    match node:
        case AllOf() | AnyOf() | NotOf(AllOf() | AnyOf() | NotOf()):
            return None
        case NotOf(leaf):
            return _Not(leaf)  # type: ignore[arg-type]
        case _:
            return node  # type: ignore[return-value]


def _turned(test: Test) -> Test | None:
    """The test that is true where `test` is false; None where there is no single one."""
    opposite = _OPPOSITE.get(test.op)
    return None if opposite is None else replace(test, op=opposite)


def _one_of(values: Iterable[Scalar], tests: list[tuple[Test, tuple[Scalar, ...]]]) -> bool:
    return any(all(compare(test=test, value=value, operands=operands) for test, operands in tests) for value in values)


def _overlap(tests: list[tuple[Test, tuple[Scalar, ...]]], *, whole: bool, half_open: bool) -> bool:
    """Whether the ranges of the tests have a value in common."""
    low: tuple[Any, bool] | None = (Decimal(0), True) if whole else None  # a bound, and whether it belongs
    high: tuple[Any, bool] | None = None
    for test, operands in tests:
        for bound, belongs, is_low in _bounds(test, operands, half_open=half_open):
            if is_low:
                low = max(low or (bound, belongs), (bound, belongs), key=lambda one: (one[0], not one[1]))
            else:
                high = min(high or (bound, belongs), (bound, belongs), key=lambda one: (one[0], one[1]))
    if low is None or high is None:
        return True
    if whole:
        return _whole_between(low, high, tests)
    if low[0] == high[0]:
        return low[1] and high[1] and _one_of((low[0],), tests)
    return bool(low[0] < high[0])


def _bounds(test: Test, operands: tuple[Scalar, ...], *, half_open: bool) -> Iterator[tuple[Any, bool, bool]]:
    match test.op:
        case Op.LT | Op.BEFORE:
            yield operands[0], False, False
        case Op.LE:
            yield operands[0], True, False
        case Op.GT | Op.AFTER:
            yield operands[0], False, True
        case Op.GE:
            yield operands[0], True, True
        case Op.BETWEEN if len(operands) > 1:
            yield operands[0], True, True
            yield operands[1], not half_open, False


_FEW = 100


def _whole_between(low: tuple[Any, bool], high: tuple[Any, bool], tests: list[tuple[Test, tuple[Scalar, ...]]]) -> bool:
    first = int(low[0].to_integral_value(ROUND_CEILING))
    first += not low[1] and first == low[0]
    last = int(high[0].to_integral_value(ROUND_FLOOR))
    last -= not high[1] and last == high[0]
    if last - first >= _FEW:
        return True
    return _one_of((Decimal(number) for number in range(first, last + 1)), tests)
