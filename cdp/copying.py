"""Rows into PostgreSQL through COPY, the one way that keeps up with events."""

import io
from collections.abc import Iterable, Sequence
from typing import Any

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def field(value: object) -> str:
    """Spell one value in COPY's text format; None is NULL, bytes are bytea."""
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes | bytearray | memoryview):
        return "\\\\x" + bytes(value).hex()
    return str(value)


def copy_rows(cursor: Any, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Copy `rows` into `table` in the cursor's transaction. The names are the caller's own, never input."""
    text = "".join("\t".join(map(field, row)) + "\n" for row in rows)
    copy_text(cursor, table, columns, text)


def copy_text(cursor: Any, table: str, columns: Sequence[str], text: str) -> None:
    """Copy rows that are already spelled in COPY's text format."""
    if text:
        cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", io.StringIO(text))


def array(values: Iterable[object]) -> str:
    """Spell a flat array in PostgreSQL's text form: one literal to parse, however many elements it has."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes | bytearray | memoryview):
        return f'"\\\\x{bytes(value).hex()}"'
    if isinstance(value, int):
        return str(int(value))
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
