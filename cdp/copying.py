"""Rows into PostgreSQL through COPY, the one way that keeps up with events."""

import io
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, overload

import orjson

_NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def text(value: str) -> str:
    """Spell text in COPY's format; most of it needs nothing."""
    return value if value.isprintable() and "\\" not in value else value.translate(_ESCAPES)


@overload
def times(moments: Sequence[datetime]) -> list[str]: ...
@overload
def times(moments: Sequence[datetime | None]) -> list[str | None]: ...
def times(moments: Sequence[datetime | None]) -> list[Any]:
    """Spell many moments as `isoformat` does; those of one time zone sort as text."""
    spelled: list[Any] = orjson.loads(orjson.dumps(moments))
    return spelled


# By exact type, because this runs for every field of every row.
_SPELLED: dict[type, Callable[[Any], str]] = {
    type(None): lambda value: _NULL,
    int: str,
    str: text,
    bool: lambda value: "t" if value else "f",
    datetime: datetime.isoformat,
    bytes: lambda value: "\\\\x" + value.hex(),
    memoryview: lambda value: "\\\\x" + value.hex(),
}


def field(value: object) -> str:
    """Spell one value in COPY's text format; None is NULL, bytes are bytea."""
    spell = _SPELLED.get(type(value))
    return text(str(value)) if spell is None else spell(value)


def copy_rows(cursor: Any, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Copy `rows` into `table` in the cursor's transaction. The names are the caller's own, never input."""
    copy_text(cursor, table, columns, "".join(["\t".join(map(field, row)) + "\n" for row in rows]))


def copy_text(cursor: Any, table: str, columns: Sequence[str], spelled: str) -> None:
    """Copy rows that are already spelled in COPY's text format."""
    if spelled:
        # Django puts its own errors in place of the driver's everywhere but here.
        with cursor.db.wrap_database_errors:
            cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", io.StringIO(spelled))


def array(values: Iterable[object]) -> str:
    """Spell a flat array in PostgreSQL's text form: one literal to parse, however many elements it has."""
    elements: list[Any] = list(values)
    match set(map(type, elements)):
        case kinds if kinds == {int}:
            return "{" + ",".join(map(str, elements)) + "}"
        case kinds if kinds == {bytes}:
            return "{" + ",".join([f'"\\\\x{element.hex()}"' for element in elements]) + "}"
        case _:
            return "{" + ",".join(map(_element, elements)) + "}"


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        return f'"{value.isoformat()}"'
    if isinstance(value, bytes | bytearray | memoryview):
        return f'"\\\\x{bytes(value).hex()}"'
    if isinstance(value, int):
        return str(int(value))
    told = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{told}"'


def columns(rows: Iterable[Sequence[object]]) -> list[str]:
    """Spell rows as one array per column, for `unnest`."""
    return [array(column) for column in zip(*rows, strict=True)]
