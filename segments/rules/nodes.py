"""The tree of a rule: what its author said, and nothing else. Equal nodes compare equal, so leaves can be shared."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal

from profiles.facts.measures import Measure
from profiles.facts.values import Scalar, ValueType, typed
from segments.rules.vocabulary import Op, Unit

Literal = str | bool | Decimal


@dataclass(frozen=True, slots=True)
class Within:
    """The last `amount` units up to now."""

    amount: int
    unit: Unit

    @property
    def seconds(self) -> int:
        return self.amount * self.unit.seconds


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison. `value` is a literal, several (in, not_in, between), a stretch of time (within_last) or None."""

    __test__ = False  # not one of pytest's

    op: Op
    value: Literal | tuple[Literal, ...] | Within | None = None

    def operands(self, value_type: ValueType, *, zone: tzinfo) -> tuple[Scalar, ...]:
        """The literals as values of `value_type`, as the checker has found them to be."""
        written = self.value if isinstance(self.value, tuple) else (self.value,)
        values = (typed(value, value_type, zone=zone) for value in written if not isinstance(value, Within | None))
        return tuple(value for value in values if value is not None)


@dataclass(frozen=True, slots=True)
class Period:
    """The calendar period [start, end), either side open when None; ISO-8601 as written."""

    start: str | None
    end: str | None


@dataclass(frozen=True, slots=True)
class TraitLeaf:
    trait: str
    test: Test


@dataclass(frozen=True, slots=True)
class PropertyLeaf:
    property: str
    test: Test


@dataclass(frozen=True, slots=True)
class EventLeaf:
    event: str
    measure: Measure
    test: Test
    of: str | None = None
    window: Within | Period | None = None
    where: "Condition | None" = None


@dataclass(frozen=True, slots=True)
class ConsentLeaf:
    purpose: str


@dataclass(frozen=True, slots=True)
class AllOf:
    children: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    children: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class NotOf:
    child: "Node"


Leaf = TraitLeaf | EventLeaf | ConsentLeaf | PropertyLeaf
Node = AllOf | AnyOf | NotOf | Leaf
# A rule has no property leaf outside a where, and a where has nothing but property leaves: the parser sees to it.
Rule = Node
Condition = Node

ROOT = "$"


def children_of(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    """The operands of a combination with their paths; nothing for a leaf."""
    match node:
        case AllOf(children):
            yield from ((f"{path}.all[{index}]", child) for index, child in enumerate(children))
        case AnyOf(children):
            yield from ((f"{path}.any[{index}]", child) for index, child in enumerate(children))
        case NotOf(child):
            yield f"{path}.not", child


def leaves_of(node: Node, path: str = ROOT) -> Iterator[tuple[str, Leaf]]:
    """Every leaf below `node` with its path, in the order written."""
    if isinstance(node, AllOf | AnyOf | NotOf):
        for child_path, child in children_of(node, path):
            yield from leaves_of(child, child_path)
    else:
        yield path, node
