"""CSV, gzipped or not."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from profiles.imports.lines import MOST_LINE, MOST_RECORD, FileRefused, Line, OpenFile, Unreadable

DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error)
CUT_SHORT = "The file is damaged or cut short: its compression ends in mid-stream."


def unpacked(file: BinaryIO) -> Any:
    """A gzipped file as what is in it."""
    return gzip.GzipFile(fileobj=file)


def opened(path: Path, file: BinaryIO, plain: Any, delimiter: str) -> OpenFile:
    """Read the header. Raises FileRefused."""
    # What is not UTF-8 is carried on as it is, and refused event by event with the name of its field.
    text = io.TextIOWrapper(plain, encoding="utf-8-sig", errors="surrogateescape", newline="")
    records = _Records(text, delimiter)
    columns = next(records, None)
    if not isinstance(columns, list) or len(set(columns)) != len(columns):
        raise FileRefused(f"{path.name} has no header that names each column once.")
    return OpenFile(columns, _lines(records, columns), file, text)


def bounded(text: io.TextIOWrapper) -> Iterator[str]:
    """The lines of a text. Raises FileRefused where one does not end."""
    while line := text.readline(MOST_LINE):
        if len(line) == MOST_LINE and not line.endswith(("\n", "\r")):
            raise FileRefused(f"The file has a line longer than {MOST_LINE} characters.")
        yield line


def _lines(records: "_Records", columns: list[str]) -> Iterator[Line | Unreadable]:
    for number, record in enumerate(records, start=1):
        if isinstance(record, csv.Error):
            yield Unreadable(number, f"cannot be read: {record}", "")
        elif len(record) == len(columns):
            yield Line(number, dict(zip(columns, record, strict=True)))
        elif record:
            yield Unreadable(number, f"has {len(record)} fields, the header {len(columns)}", "\x1f".join(record))


class _Records:
    """The records of a text, and in place of one that cannot be read why. Raises FileRefused where one does not end."""

    def __init__(self, text: io.TextIOWrapper, delimiter: str) -> None:
        self._length = 0
        self._records = csv.reader(self._counted(text), delimiter=delimiter)

    def __iter__(self) -> "_Records":
        return self

    def __next__(self) -> list[str] | csv.Error:
        self._length = 0
        try:
            return next(self._records)
        except csv.Error as error:
            return error
        except DAMAGED:
            raise FileRefused(CUT_SHORT) from None

    def _counted(self, text: io.TextIOWrapper) -> Iterator[str]:
        for line in bounded(text):
            self._length += len(line)
            if self._length > MOST_RECORD:
                raise FileRefused(f"The file has a record longer than {MOST_RECORD} characters.")
            yield line
