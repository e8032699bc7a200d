"""A CSV file, gzipped or not, as its lines, or as groups of lines that share a key and stand together."""

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

GZIP_MAGIC = b"\x1f\x8b"


class FileRefused(Exception):
    """The file, or the rest of it, cannot be read; the message says why."""


class Line(Struct):
    """One record. `number` counts records after the header, from 1: a quoted field may hold line ends."""

    number: int
    cells: dict[str, str]


class Unreadable(Struct):
    """A record that cannot be told apart into columns."""

    number: int
    reason: str
    text: str


class Group(Struct):
    """The lines that make one event (one each where nothing groups them), and the unreadable ones after them."""

    key: str
    lines: list[Line]
    unreadable: list[Unreadable]

    @property
    def last(self) -> int:
        return max([line.number for line in self.lines[-1:]] + [line.number for line in self.unreadable])

    @property
    def torn(self) -> bool:
        """Whether a line in its midst cannot be read: what the others add up to would be wrong."""
        return bool(self.lines and self.unreadable and self.unreadable[0].number < self.lines[-1].number)


class OpenFile(Struct):
    """A file while it is read; `file` tells how far reading has come."""

    columns: list[str]
    lines: Iterator[Line | Unreadable]
    file: BinaryIO


def fingerprint(path: Path) -> str:
    """Return what tells this file from any other."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileRefused(f"{path.name} cannot be read: {error.strerror}.") from None


@contextmanager
def opened(path: Path, *, delimiter: str) -> Iterator[OpenFile]:
    """Open a file and read its header. Raises FileRefused."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
        file.seek(0)
        plain = gzip.GzipFile(fileobj=file) if packed else file
        # What is not UTF-8 is carried on as it is, and refused event by event with the name of its field.
        text = io.TextIOWrapper(plain, encoding="utf-8-sig", errors="surrogateescape", newline="")
        records = csv.reader(text, delimiter=delimiter)
        columns = next(_records(records), None)
        if not isinstance(columns, list) or len(set(columns)) != len(columns):
            raise FileRefused(f"{path.name} has no header that names each column once.")
        yield OpenFile(columns, _lines(records, columns), file)


def groups(lines: Iterator[Line | Unreadable], *, by: str) -> Iterator[Group]:
    """Yield the lines in groups of equal `by`; without it each line is its own. Raises FileRefused.

    Lines of a group have to stand together: a key that comes back would make a second event under the same message id,
    and be dropped as a duplicate without a word.
    """
    seen: set[str] = set()
    group = Group("", [], [])
    for line in lines:
        if isinstance(line, Unreadable):
            group.unreadable.append(line)
            continue
        key = line.cells[by] if by else str(line.number)
        if by and group.lines and key == group.key:
            group.lines.append(line)
            continue
        if group.lines or group.unreadable:
            yield group
        if by and key in seen:
            raise FileRefused(f"Line {line.number}: {by} {key} comes back after another one. Sort the file by {by}.")
        if by:
            seen.add(key)
        group = Group(key, [line], [])
    if group.lines or group.unreadable:
        yield group


def _lines(records: Iterator[list[str]], columns: list[str]) -> Iterator[Line | Unreadable]:
    for number, record in enumerate(_records(records), start=1):
        if isinstance(record, csv.Error):
            yield Unreadable(number, f"cannot be read: {record}", "")
        elif len(record) == len(columns):
            yield Line(number, dict(zip(columns, record, strict=True)))
        elif record:
            yield Unreadable(number, f"has {len(record)} fields, the header {len(columns)}", "\x1f".join(record))


def _records(records: Iterator[list[str]]) -> Iterator[list[str] | csv.Error]:
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            yield error
            continue
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise FileRefused("The file is damaged or cut short: its compression ends in mid-stream.") from None
        yield record
