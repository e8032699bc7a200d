"""Comparisons as Ibis expressions: a test against a typed column, NULL where the value is unknown."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import reduce
from operator import and_, eq, ge, gt, le, lt, ne, or_
from types import MappingProxyType

import ibis
import ibis.expr.types as ir

from profiles.facts.measures import since
from profiles.facts.relations import dtype
from profiles.facts.values import Scalar, ValueType
from segments.rules.nodes import AllOf, AnyOf, Condition, ContextLeaf, NotOf, PropertyLeaf, Test, Within
from segments.rules.patterns import portable
from segments.rules.thresholds import Taken, is_open
from segments.rules.vocabulary import Op

_COMPARISONS: Mapping[Op, Callable[[ir.Column, ir.Scalar], ir.BooleanColumn]] = MappingProxyType({
    Op.EQ: eq, Op.NE: ne, Op.LT: lt, Op.LE: le, Op.GT: gt, Op.GE: ge, Op.BEFORE: lt, Op.AFTER: gt,
})

_SEARCHES: Mapping[Op, Callable[[ir.StringColumn, ir.StringScalar], ir.BooleanColumn]] = MappingProxyType({
    Op.CONTAINS: lambda column, part: column.contains(part),
    Op.STARTS_WITH: lambda column, part: column.startswith(part),
    Op.ENDS_WITH: lambda column, part: column.endswith(part),
    Op.MATCHES: lambda column, pattern: column.re_search(pattern),
})


def compared(
    column: ir.Column, test: Test, *, value_type: ValueType, now: ir.TimestampColumn, zone: tzinfo
) -> ir.BooleanColumn:
    """`test` against a typed column; `now` is what within_last measures back from."""
    if isinstance(test.value, Within):
        return (column > since(now=now, seconds=test.value.seconds)) & (column <= now)
    if is_open(test.value):
        return ibis.null("boolean")
    written = test.operands(value_type, zone=zone)
    if test.op is Op.MATCHES:
        written = tuple(portable(str(pattern)) for pattern in written)
    operands = [_literal(value, value_type) for value in written]
    if test.op is Op.BETWEEN:
        upper = column < operands[1] if value_type is ValueType.DATETIME else column <= operands[1]
        return (column >= operands[0]) & upper
    return _against(column, test.op, operands)


def measured(column: ir.NumericColumn, test: Test, *, whole: bool) -> ir.BooleanColumn:
    """`test` against a count (whole) or a sum."""
    if is_open(test.value):
        return ibis.null("boolean")
    whole = whole and not isinstance(test.value, Taken)  # a percentile of counts may lie between two of them
    values = [value for value in test.operands(ValueType.NUMBER, zone=UTC) if isinstance(value, Decimal)]
    operands = [ibis.literal(int(value)) if whole else _literal(value, ValueType.NUMBER) for value in values]
    if test.op is Op.BETWEEN:
        return (column >= operands[0]) & (column <= operands[1])
    return _against(column, test.op, operands)


def where(
    condition: Condition, *, column_of: Callable[[PropertyLeaf | ContextLeaf], tuple[ir.Column, ValueType]],
    ts: ir.TimestampColumn, zone: tzinfo,
) -> ir.BooleanColumn:
    """A condition on an event's properties, as of the event's own time `ts`."""
    match condition:
        case AllOf(children):
            return reduce(and_, (where(child, column_of=column_of, ts=ts, zone=zone) for child in children))
        case AnyOf(children):
            return reduce(or_, (where(child, column_of=column_of, ts=ts, zone=zone) for child in children))
        case NotOf(child):
            return ~where(child, column_of=column_of, ts=ts, zone=zone)
        case PropertyLeaf(_, test) | ContextLeaf(_, test):
            column, value_type = column_of(condition)
            if test.op is Op.EXISTS:
                return column
            if test.op is Op.MISSING:
                return ~column
            return compared(column, test, value_type=value_type, now=ts, zone=zone)
        case _:
            raise TypeError(f"not part of a where: {condition!r}")


def _against(column: ir.Column, op: Op, operands: list[ir.Scalar]) -> ir.BooleanColumn:
    if op is Op.IN:
        return column.isin(operands)
    if op is Op.NOT_IN:
        return ~column.isin(operands)
    if op in _SEARCHES:
        return _SEARCHES[op](column, operands[0])
    return _COMPARISONS[op](column, operands[0])


def _literal(value: Scalar, value_type: ValueType) -> ir.Scalar:
    if isinstance(value, datetime | Decimal):
        return ibis.literal(value, type=dtype(value_type))
    return ibis.literal(value)
