"""Measures over a person's events, as Ibis expressions: one meaning for rules and for predictors.

A window is the half-open stretch of time that a measure looks at. A relative one is `now - w < t <= now`, so that an
event leaves exactly at `t + w`; no window ever holds an event of the future.
"""

import enum
from datetime import datetime

import ibis
import ibis.expr.types as ir

from profiles.facts.relations import MOMENT


class Measure(enum.StrEnum):
    COUNT = "count"
    SUM = "sum"


def since(*, now: ir.TimestampColumn, seconds: int) -> ir.TimestampColumn:
    """The moment before which, and at which, events are too old for a window of `seconds`."""
    return now - ibis.interval(seconds=seconds)


def in_period(*, ts: ir.TimestampColumn, start: datetime | None, end: datetime | None) -> ir.BooleanValue:
    """Whether `ts` lies in [start, end)."""
    inside = ibis.literal(True)
    if start is not None:
        inside = inside & (ts >= moment(start))
    if end is not None:
        inside = inside & (ts < moment(end))
    return inside


def moment(value: datetime) -> ir.TimestampScalar:
    return ibis.literal(value, type=MOMENT)


def count(*, events: ir.Table, matches: ir.BooleanColumn) -> ir.IntegerScalar:
    """How many events match; 0 when none do, NULL for a person without a row."""
    return events.count(where=matches)


def total(*, amounts: ir.DecimalColumn) -> ir.DecimalScalar:
    """The exact sum of the known amounts; NULL when there is none, which every reader takes for 0."""
    return amounts.sum()


def newest(*, ts: ir.TimestampColumn, matches: ir.BooleanColumn) -> ir.TimestampScalar:
    """When the newest matching event happened; NULL when none did."""
    return ts.max(where=matches)
