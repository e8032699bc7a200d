"""The words of the language: operators per type, units, limits, and the catalogue of names a rule may use."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from profiles.facts.values import ValueType

MAX_DEPTH = 8
MAX_NODES = 200
MAX_CHOICES = 1_000
MAX_TEXT = 1_000
MAX_WINDOW_SECONDS = 3_660 * 86_400
FEWEST_STEPS, MOST_STEPS = 2, 10
MOST_TIMES = 1_000


class Op(enum.StrEnum):
    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    IN = "in"
    NOT_IN = "not_in"
    BETWEEN = "between"
    EXISTS = "exists"
    MISSING = "missing"
    BEFORE = "before"
    AFTER = "after"
    WITHIN_LAST = "within_last"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    MATCHES = "matches"


class Lifecycle(enum.StrEnum):
    FIRST_TIME = "first_time"
    RETURNED = "returned"
    NOT_SINCE = "not_since"


class Unit(enum.StrEnum):
    SECOND = "s"
    MINUTE = "m"
    HOUR = "h"
    DAY = "d"

    @property
    def seconds(self) -> int:
        return {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[self.value]

    @property
    def noun(self) -> str:
        return {"s": "second", "m": "minute", "h": "hour", "d": "day"}[self.value]


class SessionMeasure(enum.StrEnum):
    """What is asked of sessions: how many there are; how long one took, its pages, and all else that was done in it."""

    COUNT = "count"
    DURATION = "duration"
    PAGES = "pages"
    ENGAGEMENT = "engagement"


PRESENCE = frozenset({Op.EXISTS, Op.MISSING})
MEMBERSHIP = frozenset({Op.IN, Op.NOT_IN})
ORDER = frozenset({Op.LT, Op.LE, Op.GT, Op.GE, Op.BETWEEN})
EQUALITY = frozenset({Op.EQ, Op.NE})
#: What looks into a text.
SEARCH = frozenset({Op.CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH, Op.MATCHES})

#: What may be asked of a trait or property of each type.
OPS: Mapping[ValueType, frozenset[Op]] = MappingProxyType({
    ValueType.TEXT: EQUALITY | MEMBERSHIP | ORDER | SEARCH | PRESENCE,
    ValueType.NUMBER: EQUALITY | MEMBERSHIP | ORDER | PRESENCE,
    ValueType.BOOLEAN: EQUALITY | PRESENCE,
    ValueType.DATETIME: EQUALITY | MEMBERSHIP | ORDER | PRESENCE | {Op.BEFORE, Op.AFTER, Op.WITHIN_LAST},
    ValueType.LIST: PRESENCE,
    ValueType.OBJECT: PRESENCE,
})


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The names a rule may use, with their types. An event may be known without any property.

    `segments` are the live rules by key, for whoever nests them. `thresholds` are those that have been taken, by what
    they measure (`resolving.Measured` to `thresholds.Taken`).
    """

    traits: Mapping[str, ValueType] = field(default_factory=dict)
    events: frozenset[str] = frozenset()
    properties: Mapping[tuple[str, str], ValueType] = field(default_factory=dict)
    purposes: frozenset[str] = frozenset()
    segments: Mapping[str, Any] = field(default_factory=dict)
    lists: frozenset[str] = frozenset()
    thresholds: Mapping[Any, Any] = field(default_factory=dict)
