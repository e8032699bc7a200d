"""Measures over a person's events, as Ibis expressions: one meaning for rules and for predictors.

A window is the half-open stretch of time that a measure looks at. A relative one is `now - w < t <= now`, so that an
event leaves exactly at `t + w`; no window ever holds an event of the future.
"""

import enum
from datetime import datetime

import ibis
import ibis.expr.types as ir

from profiles.facts.relations import MOMENT, dtype
from profiles.facts.values import ValueType


class Measure(enum.StrEnum):
    COUNT = "count"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    DISTINCT = "distinct"
    FIRST = "first"
    LAST = "last"
    DISTINCT_DAYS = "distinct_days"
    SINCE_LAST = "since_last"
    SINCE_FIRST = "since_first"


_NUMBER = dtype(ValueType.NUMBER)
# No two engines divide decimals alike, so each has its own way (see the writers), and this is only the name of it.
_exact_ratio = ibis.udf.scalar.builtin(
    lambda numerator, denominator: ..., name="exact_ratio", signature=((_NUMBER, _NUMBER), _NUMBER)
)
_local_time = ibis.udf.scalar.builtin(
    lambda zone, ts: ..., name="timezone", signature=(("string", MOMENT), "timestamp")
)


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


def local_day(*, ts: ir.TimestampColumn, zone: str) -> ir.DateColumn:
    """The calendar day of `ts` in a time zone."""
    return _local_time(zone, ts).date()


def ratio(numerator: ir.NumericValue, denominator: ir.NumericValue) -> ir.DecimalValue:
    """Exact to nine digits, half rounded away from zero; NULL over 0, and from 10^29 on. `values.ratio` in SQL."""
    return _exact_ratio(numerator.cast(_NUMBER), denominator.cast(_NUMBER))


def count(*, events: ir.Table, matches: ir.BooleanColumn) -> ir.IntegerScalar:
    """How many events match; 0 when none do, NULL for a person without a row."""
    return events.count(where=matches)


def total(*, amounts: ir.DecimalColumn) -> ir.DecimalScalar:
    """The exact sum of the known amounts; NULL when there is none, which every reader takes for 0."""
    return amounts.sum()


def earliest_value(*, amounts: ir.Column, ts: ir.TimestampColumn) -> ir.Scalar:
    """The first known value; of several at the very same moment the least, so that no arrival order shows."""
    return amounts.collect(where=amounts.notnull(), order_by=[ts, amounts])[0]


def latest_value(*, amounts: ir.Column, ts: ir.TimestampColumn) -> ir.Scalar:
    """The last known value; of several at the very same moment the greatest."""
    return amounts.collect(where=amounts.notnull(), order_by=[ts.desc(), amounts.desc()])[0]


def newest(*, ts: ir.TimestampColumn, matches: ir.BooleanColumn) -> ir.TimestampScalar:
    """When the newest matching event happened; NULL when none did."""
    return ts.max(where=matches)
