"""JSON lines: one object per line, gzipped or not. Numbers stay in the digits they were written with."""

import io
from collections.abc import Collection, Iterator
from itertools import chain, islice
from typing import Any, BinaryIO

from msgspec import DecodeError, Raw
from msgspec.json import Decoder

from profiles.imports.delimited import CUT_SHORT, DAMAGED, bounded
from profiles.imports.lines import FileRefused, Line, OpenFile, Unreadable

_LOOKED_AT = 1_000
_object = Decoder(dict[str, Raw])
_text = Decoder(str)


def opened(file: BinaryIO, plain: Any, wanted: Collection[str]) -> OpenFile:
    """Tell the columns by the names in the first lines: there is no header."""
    text = io.TextIOWrapper(plain, encoding="utf-8-sig", errors="surrogateescape", newline="")
    lines = _lines(text)
    first = list(islice(lines, _LOOKED_AT))
    columns = dict.fromkeys(name for line in first if isinstance(line, Line) for name in line.cells)
    return OpenFile(list(columns), _filled(chain(first, lines), wanted), file, text)


def _filled(lines: Iterator[Line | Unreadable], wanted: Collection[str]) -> Iterator[Line | Unreadable]:
    """Give every line the columns that will be looked at: what an object does not have is empty."""
    nothing = dict.fromkeys(wanted, "")
    for line in lines:
        if isinstance(line, Line):
            line.cells = {**nothing, **line.cells}
        yield line


def _lines(text: io.TextIOWrapper) -> Iterator[Line | Unreadable]:
    number = 0
    try:
        for raw in bounded(text):
            if not raw.strip():
                continue
            number += 1
            yield _line(number, raw)
    except DAMAGED:
        raise FileRefused(CUT_SHORT) from None


def _line(number: int, raw: str) -> Line | Unreadable:
    try:
        return Line(number, {name: _cell(bytes(value)) for name, value in _object.decode(raw).items()})
    except (DecodeError, UnicodeEncodeError, RecursionError):
        return Unreadable(number, "is not a JSON object", raw)


def _cell(raw: bytes) -> str:
    """A text as what it says, null as nothing, anything else as it is written."""
    if raw[:1] == b'"':
        return _text.decode(raw)
    return "" if raw == b"null" else raw.decode()
