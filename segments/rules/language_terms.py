"""The kinds of things that `language` tells of operators, measures and nodes."""

import enum
from dataclasses import dataclass

from profiles.facts.values import ValueType


class Takes(enum.StrEnum):
    """What the `value` of an operator is."""

    NOTHING = "nothing"
    ONE = "one"
    SEVERAL = "several"
    TWO = "two"
    DURATION = "duration"
    PATTERN = "pattern"


class Result(enum.StrEnum):
    """What a measure is compared with."""

    WHOLE = "whole"
    NUMBER = "number"
    PROPERTY = "property"
    DURATION = "duration"


class Place(enum.StrEnum):
    """Where a node may stand: in a rule about a person, or in the `where` of an event."""

    RULE = "rule"
    CONDITION = "condition"


class Kind(enum.StrEnum):
    """What a field holds, that is, which input a builder shows for it."""

    RULES = "rules"
    RULE = "rule"
    TRAIT = "trait"
    PROPERTY = "property"
    CONTEXT = "context"
    EVENT = "event"
    PURPOSE = "purpose"
    MEASURE = "measure"
    LIFECYCLE = "lifecycle"
    OP = "op"
    VALUE = "value"
    DURATION = "duration"
    MOMENT = "moment"
    CONDITION = "condition"
    OBJECT = "object"
    SEGMENT = "segment"
    LIST = "list"
    STEP = "step"
    STEPS = "steps"
    SESSION = "session"
    SESSION_MEASURE = "session_measure"
    REPEATED = "repeated"
    WHOLE = "whole"
    EVENTS = "events"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Operator:
    op: str
    label: str
    takes: Takes


@dataclass(frozen=True, slots=True)
class MeasureTerms:
    """A measure over the events of one name: what it takes, what it gives, and what it is of nothing.

    `of` are the types its property may have; empty: it takes none. `nothing` is its value where nothing was measured,
    None for unknown. `windowed`: it may look at a stretch of time ("within", or "from" and "to").
    """

    measure: str
    label: str
    of: tuple[ValueType, ...]
    result: Result
    nothing: int | None
    windowed: bool = True


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: Kind
    required: bool = True


@dataclass(frozen=True, slots=True)
class NodeTerms:
    """A kind of node: the field that names it comes first."""

    kind: str
    label: str
    places: tuple[Place, ...]
    fields: tuple[Field, ...]
