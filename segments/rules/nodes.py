"""The tree of a rule: what its author said, and nothing else. Equal nodes compare equal, so leaves can be shared."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal

from profiles.facts.measures import Measure
from profiles.facts.values import Scalar, ValueType, typed
from segments.rules.thresholds import Taken, Threshold
from segments.rules.vocabulary import Lifecycle, Op, SessionMeasure, Unit

Literal = str | bool | Decimal


@dataclass(frozen=True, slots=True)
class Within:
    """The last `amount` units up to now."""

    amount: int
    unit: Unit

    @property
    def seconds(self) -> int:
        return self.amount * self.unit.seconds

    @property
    def said(self) -> str:
        """As a sentence says it: "10 minutes", "1 day"."""
        return f"{self.amount} {self.unit.noun}{'' if self.amount == 1 else 's'}"

    @property
    def said_last(self) -> str:
        """After "the last": "10 minutes", "day"."""
        return self.unit.noun if self.amount == 1 else self.said


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison. `value` is a literal, several (in, not_in, between), a stretch of time or two, or None.

    A threshold is a literal that is still to be taken from the population; once taken, it says from which snapshot.
    """

    __test__ = False  # not one of pytest's

    op: Op
    value: Literal | tuple[Literal | Within, ...] | Within | Threshold | Taken | None = None

    def operands(self, value_type: ValueType, *, zone: tzinfo) -> tuple[Scalar, ...]:
        """The literals as values of `value_type`, as the checker has found them to be."""
        own = self.value.value if isinstance(self.value, Taken) else self.value
        written = own if isinstance(own, tuple) else (own,)
        literals = (value for value in written if not isinstance(value, Within | Threshold | None))
        values = (typed(value, value_type, zone=zone) for value in literals)
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
class ContextLeaf:
    """One of an event's circumstances, by a name of `facts.contexts`."""

    context: str
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
class Step:
    """An event that comes next in a sequence or, if `absent`, does not. `within`: how soon, or for how long not."""

    event: str
    where: "Condition | None" = None
    within: Within | None = None
    absent: bool = False


@dataclass(frozen=True, slots=True)
class LifecycleLeaf:
    """A stage of life: the first time, back after a pause of `after`, or nothing of `not_since` since the latest."""

    lifecycle: Lifecycle
    event: str
    window: Within | Period | None = None
    where: "Condition | None" = None
    after: Within | None = None
    not_since: Step | None = None


@dataclass(frozen=True, slots=True)
class TrendLeaf:
    """A count or sum over the window divided by that of the window before it."""

    event: str
    measure: Measure
    test: Test
    window: Within
    of: str | None = None
    where: "Condition | None" = None


@dataclass(frozen=True, slots=True)
class SequenceLeaf:
    """Steps one after the other, the first of them in the last `within`."""

    steps: tuple[Step, ...]
    within: Within


@dataclass(frozen=True, slots=True)
class SessionLeaf:
    """Sessions that began in the last `within`: how many there are, or whether one is as the test wants it.

    A session ends where `gap` goes by without any event, or any of `events`. Only a repeated one has no `within`.
    """

    gap: Within
    measure: SessionMeasure
    test: Test
    within: Within | None
    events: tuple[str, ...] = ()
    ended: bool = False


@dataclass(frozen=True, slots=True)
class RepeatedLeaf:
    """At least so many times in the last `within`: sessions as the leaf wants them, or that the leaf became true."""

    leaf: EventLeaf | SessionLeaf
    times: int
    within: Within


@dataclass(frozen=True, slots=True)
class ConsentLeaf:
    purpose: str


@dataclass(frozen=True, slots=True)
class SegmentLeaf:
    """What another segment's live rule says, by that segment's key."""

    segment: str


@dataclass(frozen=True, slots=True)
class Nested:
    """A segment leaf with the rule it stands for in its place: decided here, never read from a stored membership."""

    segment: str
    rule: "Node"


@dataclass(frozen=True, slots=True)
class ListLeaf:
    """Whether somebody is on an uploaded list, by the list's key."""

    list: str


@dataclass(frozen=True, slots=True)
class AllOf:
    children: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    children: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class NotOf:
    child: "Node"


#: Leaves about the events of one name.
EventNode = EventLeaf | LifecycleLeaf | TrendLeaf
#: Leaves about a course of events, each with stages of its own.
CourseLeaf = SequenceLeaf | SessionLeaf | RepeatedLeaf
Leaf = CourseLeaf | EventNode | TraitLeaf | ConsentLeaf | PropertyLeaf | ContextLeaf | SegmentLeaf | ListLeaf
Node = AllOf | AnyOf | NotOf | Nested | Leaf
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
        case Nested(_, rule):
            yield f"{path}.segment", rule


def leaves_of(node: Node, path: str = ROOT) -> Iterator[tuple[str, Leaf]]:
    """Every leaf below `node` with its path, in the order written."""
    if isinstance(node, AllOf | AnyOf | NotOf | Nested):
        for child_path, child in children_of(node, path):
            yield from leaves_of(child, child_path)
    else:
        yield path, node
