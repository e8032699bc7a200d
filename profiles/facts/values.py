"""What a raw JSON value is worth as a type: the typed value, or None when it does not parse.

A value is never bent into another type. The JSON text "12" is not the number 12, the number 1 is not true: a sender
that mixes types gets *unknown*, which no rule counts as a yes, instead of an answer that changes with the sender.
"""

import enum
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

Json = str | bool | int | float | Decimal | None | Sequence["Json"] | Mapping[str, "Json"]
Scalar = str | bool | Decimal | datetime


class ValueType(enum.StrEnum):
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    LIST = "list"
    OBJECT = "object"


# numeric(38, 9): 29 digits before the point. A larger magnitude would abort a whole lane in Postgres, so it is unknown.
NUMBER_LIMIT = Decimal(10) ** 29
_QUANTUM = Decimal("0.000000001")
_WIDE = Context(prec=80, rounding=ROUND_HALF_UP)

# A calendar-exact date (no 30 February), because a cast that fails would abort the statement, and Postgres 15 has no
# way to ask first. Years 1000 to 9998 keep every offset and every driver within four digits. Written so that Postgres
# and Python read it alike: no \d, which other digits match too.
_DAY = (
    r"(?:[1-9][0-9]{3}-(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|[1-9][0-9]{3}-(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|[1-9][0-9]{3}-02-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00)-02-29)"
)
_CLOCK = r"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,9})?)?"
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-3]):?[0-5][0-9])"
DATETIME_PATTERN = rf"(?!9999){_DAY}(?:{_CLOCK}{_ZONE}?)?"
ZONED_PATTERN = rf"[T ].*{_ZONE}"
FINER_THAN_MICROSECONDS = r"([.][0-9]{6})[0-9]+"
_DATETIME = re.compile(DATETIME_PATTERN)
_ZONED = re.compile(ZONED_PATTERN)
_FINER = re.compile(FINER_THAN_MICROSECONDS)


def typed(raw: Json, value_type: ValueType, *, zone: tzinfo) -> Scalar | None:
    """The typed value of `raw`, or None when it is absent or does not parse as `value_type`."""
    match value_type:
        case ValueType.TEXT:
            return raw if isinstance(raw, str) else None
        case ValueType.NUMBER:
            return number(raw)
        case ValueType.BOOLEAN:
            return raw if isinstance(raw, bool) else None
        case ValueType.DATETIME:
            return instant(raw, zone=zone) if isinstance(raw, str) else None
        case _:
            return None


def number(raw: Json) -> Decimal | None:
    """A JSON number as numeric(38, 9), or None."""
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        return None
    exact = raw if isinstance(raw, Decimal) else Decimal(repr(raw))
    if not exact.is_finite() or abs(exact) >= NUMBER_LIMIT:
        return None
    rounded = exact.quantize(_QUANTUM, context=_WIDE)
    return rounded if abs(rounded) < NUMBER_LIMIT else None


def ratio(numerator: Decimal, denominator: Decimal) -> Decimal | None:
    """The quotient to nine digits, half rounded away from zero; None over 0 and where it is out of range."""
    if denominator == 0:
        return None
    exact = abs(Fraction(numerator) / Fraction(denominator))
    billionths = int(exact * 10**9 + Fraction(1, 2))
    rounded = _WIDE.multiply(Decimal(billionths), _QUANTUM)
    if rounded >= NUMBER_LIMIT:
        return None
    return rounded.copy_negate() if (numerator < 0) is not (denominator < 0) else rounded


def instant(text: str, *, zone: tzinfo) -> datetime | None:
    """An ISO-8601 date or time as a UTC moment, or None. Without an offset it is local time in `zone`."""
    if not _DATETIME.fullmatch(text):
        return None
    trimmed = _FINER.sub(r"\1", text)
    moment = datetime.fromisoformat(trimmed)
    if _ZONED.search(text):
        return moment.astimezone(UTC)
    return _local(moment, zone)


def _local(moment: datetime, zone: tzinfo) -> datetime:
    """Local time as UTC. Postgres reads an hour that occurs twice, or never, by standard time; so does this."""
    readings = (moment.replace(tzinfo=zone, fold=0), moment.replace(tzinfo=zone, fold=1))
    offset = min(reading.utcoffset() or timedelta() for reading in readings)
    return (moment - offset).replace(tzinfo=UTC)
