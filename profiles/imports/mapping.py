"""What the columns of a file mean: read from JSON, checked when it is loaded, refused with the place that is wrong."""

import hashlib
import re
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import DecodeError, Struct, ValidationError
from msgspec.json import Decoder, encode


class MappingRefused(Exception):
    """The mapping cannot be used; the message says where and why, `field` where."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field or message.partition(":")[0]


class As(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    LIST = "list"


class Op(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    GREATER = ">"
    AT_LEAST = ">="
    LESS = "<"
    AT_MOST = "<="
    STARTS_WITH = "starts_with"
    NOT_STARTS_WITH = "not_starts_with"


_TEXT_ONLY = (Op.STARTS_WITH, Op.NOT_STARTS_WITH)


class Condition(Struct, frozen=True, forbid_unknown_fields=True):
    """A test of one line. A number to compare with makes it a comparison of numbers."""

    column: str
    op: Op
    value: str | int | float


class Column(Struct, frozen=True, forbid_unknown_fields=True, tag="column", tag_field="is"):
    """A column of the (first) line. `format` and `zone` are a datetime's, as for `Time`; `separator` is a list's."""

    column: str
    kind: As = As.TEXT
    format: str = ""
    zone: str = "UTC"
    separator: str = ","


class Constant(Struct, frozen=True, forbid_unknown_fields=True, tag="constant", tag_field="is"):
    value: str | int | float | bool


class Sum(Struct, frozen=True, forbid_unknown_fields=True, tag="sum", tag_field="is"):
    """The sum over the lines of the product of some columns, exact to the last digit."""

    of: tuple[str, ...]


class Rows(Struct, frozen=True, forbid_unknown_fields=True, tag="list", tag_field="is"):
    """One object per line."""

    of: dict[str, Column | Constant]


Value = Column | Constant | Sum | Rows


class Time(Struct, frozen=True, forbid_unknown_fields=True):
    """The column with the time; the earliest of the lines counts. `format` is strptime's, ISO-8601 when absent."""

    column: str
    format: str = ""
    zone: str = "UTC"


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """One event per line or group: made when the first line meets `when`, from the lines that meet `lines`."""

    type: str
    event: str = ""
    when: tuple[Condition, ...] = ()
    lines: tuple[Condition, ...] = ()
    properties: dict[str, Value] = {}
    traits: dict[str, Value] = {}


class Mapping(Struct, frozen=True, forbid_unknown_fields=True):
    """All a mapping file says. `user_id` and the like name columns; `group_by` names the one whose equal values stand
    together and make one event; `message_id` one that tells lines apart where nothing groups them."""

    name: str
    time: Time
    events: tuple[Event, ...]
    description: str = ""
    source: str = ""
    delimiter: str = ","
    group_by: str = ""
    message_id: str = ""
    user_id: str = ""
    anonymous_id: str = ""
    group_id: str = ""

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(encode(self)).hexdigest()

    @property
    def columns(self) -> frozenset[str]:
        """Every column that the mapping reads."""
        named = {self.group_by, self.message_id, self.user_id, self.anonymous_id, self.group_id, self.time.column}
        for event in self.events:
            named.update(condition.column for condition in (*event.when, *event.lines))
            for value in (*event.properties.values(), *event.traits.values()):
                named.update(_columns_of(value))
        return frozenset(named - {""})


MOST_MAPPING_BYTES = 256 * 1024
_PLACE = re.compile(r"`\$(.*)`$")
_mapping = Decoder(Mapping)
_SOME_TIME = datetime(2000, 1, 2, 3, 4, 5, tzinfo=UTC)


def load(path: Path) -> Mapping:
    """Read a mapping file. Raises MappingRefused."""
    return read(content_of(path), named=path.name)


def read(content: bytes, *, named: str = "mapping") -> Mapping:
    """Read a mapping. Raises MappingRefused."""
    mapping: Mapping = decoded(_mapping, content, named=named)
    _check(mapping)
    return mapping


def content_of(path: Path) -> bytes:
    """Return what a mapping file holds. Raises MappingRefused."""
    try:
        if path.stat().st_size > MOST_MAPPING_BYTES:
            raise MappingRefused(f"{path.name}: a mapping is at most {MOST_MAPPING_BYTES} bytes long.", "mapping")
        return path.read_bytes()
    except OSError as error:
        raise MappingRefused(f"{path.name} cannot be read: {error.strerror}.", "mapping") from None


def decoded(decoder: Decoder[Any], content: bytes, *, named: str) -> Any:
    """Decode a mapping of any kind, and name the field that does not fit."""
    try:
        return decoder.decode(content)
    except (ValidationError, DecodeError, UnicodeDecodeError, RecursionError) as error:
        place = _PLACE.search(str(error))
        raise MappingRefused(f"{named}: {error}.", place[1].lstrip(".") if place else "mapping") from None


def check_time(time: Time, *, field: str = "time") -> None:
    """Raises MappingRefused for a format or a zone that cannot be read by."""
    try:
        ZoneInfo(time.zone)
        datetime.strptime(_SOME_TIME.strftime(time.format), time.format)  # noqa: DTZ007
    except (ValueError, OSError, KeyError):
        raise MappingRefused(f"{field}: {time.format!r} or {time.zone!r} is not known.", field) from None


def _check(mapping: Mapping) -> None:
    if not mapping.events:
        raise MappingRefused("events: a mapping makes at least one kind of event.")
    if len(mapping.delimiter) != 1:
        raise MappingRefused("delimiter: is one character.")
    if not (mapping.user_id or mapping.anonymous_id):
        raise MappingRefused("user_id: a mapping names the column of userId or of anonymousId.")
    check_time(mapping.time)
    for position, event in enumerate(mapping.events):
        for condition in (*event.when, *event.lines):
            if condition.op in _TEXT_ONLY and not isinstance(condition.value, str):
                raise MappingRefused(f"events[{position}]: {condition.op} compares text, not {condition.value}.")


def _columns_of(value: Value) -> tuple[str, ...]:
    match value:
        case Column():
            return (value.column,)
        case Sum():
            return value.of
        case Rows():
            return tuple(column for inner in value.of.values() for column in _columns_of(inner))
    return ()
