"""From a group of lines to the events that a mapping makes of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from profiles.imports.mapping import As, Column, Condition, Constant, Event, Mapping, Op, Rows, Sum, Time, Value
from profiles.imports.reading import Group, Line
from profiles.ingest.incoming import MAX_MESSAGE_ID

_MOST_DIGITS = 40


def class_of(text: str) -> str:
    """Say what kind of value stands somewhere without telling it: reports are passed on, and values are people's."""
    match text:
        case "":
            return "empty"
        case _ if text.lower() in ("true", "false", "yes", "no"):
            return "yes or no"
        case _ if _decimal(text) is not None:
            return f"number of {len(text)} characters"
        case _ if text[:4].isdigit() and text[4:5] in "-/.":
            return f"date of {len(text)} characters"
        case _ if "@" in text:
            return f"text of {len(text)} characters with @"
        case _:
            return f"text of {len(text)} characters"


class LineRefused(Exception):
    """A line holds a value that the mapping cannot use; the group makes no event."""

    def __init__(self, line: Line, column: str, reason: str) -> None:
        super().__init__(reason)
        self.number = line.number
        self.column = column
        self.reason = reason
        self.value_class = class_of(line.cells.get(column, "")) if column else ""


def build(mapping: Mapping, group: Group, *, file: str) -> Iterator[dict[str, Any]]:
    """Yield the events of a group, each with a message id that importing again gives again. Raises LineRefused.

    A group of which cleaning leaves no line says nothing about its person, and makes no event. One that names no
    person at all is made into an event whatever cleaning leaves of it: that it names nobody is for the pipeline to
    find and to record, so that no part of a file is missing without a row that says so.
    """
    first = group.lines[0]
    ids = {
        "userId": first.cells.get(mapping.user_id) or None,
        "anonymousId": first.cells.get(mapping.anonymous_id) or None,
        "groupId": first.cells.get(mapping.group_id) or None,
    }
    for position, spec in enumerate(mapping.events):
        if not all(_meets(first, condition) for condition in spec.when):
            continue
        lines = [line for line in group.lines if all(_meets(line, condition) for condition in spec.lines)]
        if not lines and (ids["userId"] or ids["anonymousId"]):
            continue
        yield {
            "type": spec.type,
            "messageId": _message_id(mapping, position, group, file=file),
            **ids,
            "timestamp": _earliest(mapping.time, lines or group.lines),
            **_content(spec, lines, first),
        }


def parse(text: str, time: Time) -> datetime:
    """Read a time as the mapping says. Raises ValueError."""
    moment = datetime.strptime(text, time.format) if time.format else datetime.fromisoformat(text)  # noqa: DTZ007
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(time.zone))


def _message_id(mapping: Mapping, position: int, group: Group, *, file: str) -> str:
    if mapping.group_by:
        key = group.key
    elif mapping.message_id:
        key = group.lines[0].cells[mapping.message_id]
    else:
        key = f"{file[:16]}:{group.key}"
    found = f"{mapping.name}:{position}:{key}"
    return (
        found
        if len(found) <= MAX_MESSAGE_ID
        else f"{position}:{sha256(found.encode(errors='surrogateescape')).hexdigest()}"
    )


def _content(spec: Event, lines: list[Line], first: Line) -> dict[str, Any]:
    content: dict[str, Any] = {"event": spec.event} if spec.event else {}
    if spec.properties:
        content["properties"] = {name: _value(value, lines, first) for name, value in spec.properties.items()}
    if spec.traits:
        content["traits"] = {name: _value(value, lines, first) for name, value in spec.traits.items()}
    return content


def _value(value: Value, lines: list[Line], first: Line) -> Any:
    match value:
        case Column():
            return cell(value, lines[0] if lines else first)
        case Constant():
            return value.value
        case Sum():
            return sum((_product(line, value.of) for line in lines), Decimal(0))
        case Rows():
            return [{name: _value(inner, [line], line) for name, inner in value.of.items()} for line in lines]


def _product(line: Line, columns: tuple[str, ...]) -> Decimal:
    product = Decimal(1)
    for column in columns:
        product *= _number(line, column)
    return product


def cell(column: Column, line: Line) -> Any:
    """Return what stands in a column as the mapping wants it, None for nothing. Raises LineRefused."""
    text = line.cells[column.column]
    if text == "":
        return None
    match column.kind:
        case As.TEXT:
            return text
        case As.NUMBER:
            return _number(line, column.column)
        case As.INTEGER:
            number = _number(line, column.column)
            if number != number.to_integral_value():
                raise LineRefused(line, column.column, "is not a whole number")
            return int(number)
        case As.BOOLEAN:
            if text.lower() not in ("true", "false", "1", "0", "yes", "no"):
                raise LineRefused(line, column.column, "is not true or false")
            return text.lower() in ("true", "1", "yes")
        case As.DATETIME:
            return _moment(line, column)
        case As.LIST:
            return [item for item in (part.strip() for part in text.split(column.separator)) if item]


def _moment(line: Line, column: Column) -> str:
    time = Time(column.column, column.format, column.zone)
    try:
        return parse(line.cells[column.column], time).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        wanted = f"written like {column.format}" if column.format else "an ISO-8601 date or time"
        raise LineRefused(line, column.column, f"is not {wanted}") from None


def _number(line: Line, column: str) -> Decimal:
    number = _decimal(line.cells[column])
    if number is None:
        raise LineRefused(line, column, "is not a number")
    return number


@lru_cache(maxsize=65_536)  # quantities and prices repeat: reading each once is most of what an import takes
def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    # An exponent of a million would be one multiplication away from filling the memory.
    return number if number.is_finite() and abs(number.adjusted()) <= _MOST_DIGITS else None


def _meets(line: Line, condition: Condition) -> bool:
    if isinstance(condition.value, str):
        return _compare(line.cells[condition.column], condition.op, condition.value)
    return _compare(_number(line, condition.column), condition.op, condition.value)


def _compare(found: Any, op: Op, wanted: Any) -> bool:
    match op:
        case Op.EQUAL:
            return bool(found == wanted)
        case Op.NOT_EQUAL:
            return bool(found != wanted)
        case Op.GREATER:
            return bool(found > wanted)
        case Op.AT_LEAST:
            return bool(found >= wanted)
        case Op.LESS:
            return bool(found < wanted)
        case Op.AT_MOST:
            return bool(found <= wanted)
        case Op.STARTS_WITH:
            return bool(found.startswith(wanted))
        case Op.NOT_STARTS_WITH:
            return not found.startswith(wanted)


def _earliest(time: Time, lines: list[Line]) -> str:
    """Return the earliest time of the lines, or the text of one that is no time: the pipeline refuses it by name."""
    earliest: datetime | None = None
    for text in dict.fromkeys(line.cells[time.column] for line in lines):
        try:
            moment = parse(text, time)
        except ValueError:
            return text or "(empty)"
        earliest = moment if earliest is None else min(earliest, moment)
    return earliest.astimezone(UTC).isoformat() if earliest else "(empty)"
