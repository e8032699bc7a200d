"""What every kind of file is read as."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from msgspec import Struct

#: A longer line is not read: a file without line ends would have to be in memory whole. Nor is a longer record: quoted
#: fields may hold line ends, and a compressed file could go on with one for ever.
MOST_LINE = 1024 * 1024
MOST_RECORD = 4 * MOST_LINE


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
    """A file while it is read; `file` tells how far reading has come. What reads it is held: let go, it closes it."""

    columns: list[str]
    lines: Iterator[Line | Unreadable]
    file: BinaryIO
    reader: Any
