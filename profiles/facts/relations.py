"""The relations' columns, declared by whoever reads them, and the Ibis tables made of them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import ibis
import ibis.expr.types as ir

from profiles.facts.contexts import CONTEXTS
from profiles.facts.values import ValueType

# The expressions are written in stages on purpose, and the writers count on finding them: nothing may fuse them.
ibis.options.sql.fuse_selects = False

MOMENT = "timestamp('UTC')"
_DTYPES = {
    ValueType.TEXT: "string",
    ValueType.NUMBER: "decimal(38, 9)",
    ValueType.BOOLEAN: "boolean",
    ValueType.DATETIME: MOMENT,
}
# Postgres cuts longer names off, and two cut names may be one.
_LONGEST_NAME = 63
#: The name of a history of all that somebody did, whatever it is called; calls that tell who they are excepted.
EVERY_EVENT = ""


def dtype(value_type: ValueType) -> str:
    return _DTYPES[value_type]


@dataclass(frozen=True, slots=True)
class TraitColumn:
    """A trait's typed value, NULL when absent or unparsable; with `presence`, whether there is any, never NULL."""

    trait: str
    type: ValueType
    presence: bool = False

    @property
    def name(self) -> str:
        return _column_name("has_trait" if self.presence else f"trait_{self.type}", self.trait)


@dataclass(frozen=True, slots=True)
class PropertyColumn:
    """The same for a property of one event; NULL on every other event."""

    event: str
    key: str
    type: ValueType
    presence: bool = False

    @property
    def name(self) -> str:
        return _column_name("has_property" if self.presence else f"property_{self.type}", self.event, self.key)


@dataclass(frozen=True, slots=True)
class ContextColumn:
    """One of an event's circumstances (`contexts`), NULL where it is not known; with `presence`, whether it is."""

    context: str
    presence: bool = False

    @property
    def type(self) -> ValueType:
        return CONTEXTS[self.context].type

    @property
    def name(self) -> str:
        return f"has_context_{self.context}" if self.presence else f"context_{self.context}"


EventColumn = PropertyColumn | ContextColumn


@dataclass(frozen=True, slots=True)
class ExtraColumn:
    """A people column that another app contributes.

    `postgres_sql` is a scalar SQL expression over the profile row `p` (columns of table profile, say `p.id`).
    It contains no placeholders; a literal `%` in it is written once.
    """

    name: str
    type: ValueType
    postgres_sql: str

    def __post_init__(self) -> None:
        if len(self.name.encode()) > _LONGEST_NAME:
            raise ValueError(f"column name too long for Postgres: {self.name}")


@dataclass(frozen=True, slots=True)
class History:
    """How far back one event is read: all time, or the last `seconds` or since `since`, whichever is earlier."""

    event: str
    seconds: int | None = None
    since: datetime | None = None
    all_time: bool = False

    def joined(self, other: "History") -> "History":
        """The shorter history that holds both."""
        moments = [moment for moment in (self.since, other.since) if moment is not None]
        return replace(
            self,
            seconds=max((span for span in (self.seconds, other.seconds) if span is not None), default=None),
            since=min(moments, default=None),
            all_time=self.all_time or other.all_time,
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """What a set of rules or features reads: the columns, and how far back which events."""

    traits: tuple[TraitColumn, ...] = ()
    extras: tuple[ExtraColumn, ...] = ()
    properties: tuple[EventColumn, ...] = ()
    histories: tuple[History, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        traits: Iterable[TraitColumn] = (),
        extras: Iterable[ExtraColumn] = (),
        properties: Iterable[EventColumn] = (),
        histories: Iterable[History] = (),
    ) -> "Reading":
        """Everything once, in an order that does not depend on the order of asking: equal sets give equal SQL."""
        spans: dict[str, History] = {}
        for history in histories:
            known = spans.get(history.event)
            spans[history.event] = known.joined(history) if known else history
        if EVERY_EVENT in spans:
            spans = {event: history.joined(spans[EVERY_EVENT]) for event, history in spans.items()}
        return cls(
            traits=tuple(sorted(set(traits), key=lambda column: column.name)),
            extras=tuple(sorted(set(extras), key=lambda column: column.name)),
            properties=tuple(sorted(set(properties), key=lambda column: column.name)),
            histories=tuple(spans[name] for name in sorted(spans)),
        )


@dataclass(frozen=True, slots=True)
class Relations:
    scope: ir.Table
    people: ir.Table
    events: ir.Table


def relations(reading: Reading) -> Relations:
    """The three unbound tables with the columns of `reading`."""
    people = {column.name: _column_dtype(column) for column in reading.traits}
    people |= {extra.name: dtype(extra.type) for extra in reading.extras}
    properties = {column.name: _column_dtype(column) for column in reading.properties}
    return Relations(
        scope=ibis.table({"profile_id": "int64", "now": MOMENT}, name="scope"),
        people=ibis.table({"profile_id": "int64"} | people, name="people"),
        events=ibis.table(
            {"profile_id": "int64", "name": "string", "ts": MOMENT, "event_id": "int64"} | properties, name="events"
        ),
    )


def _column_dtype(column: TraitColumn | EventColumn) -> str:
    return "boolean" if column.presence else dtype(column.type)


def _column_name(kind: str, *parts: str) -> str:
    """A readable name that two different columns never share, whatever a sender put into a trait's name."""
    text = "\x1f".join(parts)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    readable = "".join(char if char.isascii() and char.isalnum() else "_" for char in "_".join(parts))[:24]
    return f"{kind}_{readable}_{digest}".lower()
