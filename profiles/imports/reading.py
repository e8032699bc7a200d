"""A file as its lines, or as groups of lines that share a key and stand together: CSV, JSON lines, Parquet.

What kind of file it is, its first bytes say; CSV and JSON lines may be gzipped. However large a file is, no more of it
is in memory than a line, a group, or a few thousand rows of a Parquet file.
"""

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from profiles.imports import delimited, json_lines, parquet
from profiles.imports.lines import FileRefused, Group, Line, OpenFile, Unreadable

__all__ = ["FileRefused", "Group", "Line", "OpenFile", "Unreadable", "fingerprint", "groups", "opened"]

_MOST_LINES = 100_000  # of one group
_MOST_UNREADABLE = 1_000  # in a row, where a group may go on after them
GZIP_MAGIC = b"\x1f\x8b"
_BRACE = b"{"


def fingerprint(path: Path) -> str:
    """Return what tells this file from any other."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileRefused(f"{path.name} cannot be read: {error.strerror}.") from None


@contextmanager
def opened(path: Path, *, delimiter: str, wanted: Collection[str] = ()) -> Iterator[OpenFile]:
    """Open a file and read which columns it has; `wanted` are those that will be looked at. Raises FileRefused."""
    with path.open("rb") as file:
        beginning = file.read(4)
        file.seek(0)
        if beginning == parquet.MAGIC:
            yield parquet.opened(path, file, wanted)
            return
        plain = delimited.unpacked(file) if beginning[:2] == GZIP_MAGIC else file
        try:
            first = plain.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        except delimited.DAMAGED:
            raise FileRefused(delimited.CUT_SHORT) from None
        plain.seek(0)
        if first == _BRACE:
            yield json_lines.opened(file, plain, wanted)
        else:
            yield delimited.opened(path, file, plain, delimiter)


def groups(lines: Iterator[Line | Unreadable], *, by: str) -> Iterator[Group]:
    """Yield the lines in groups of equal `by`; without it each line is its own. Raises FileRefused.

    Lines of a group have to stand together: a key that comes back would make a second event under the same message id,
    and be dropped as a duplicate without a word.
    """
    seen: set[bytes] = set()
    group = Group("", [], [])
    for line in lines:
        if isinstance(line, Unreadable):
            group.unreadable.append(line)
            if not by or len(group.unreadable) > _MOST_UNREADABLE:
                yield group
                group = Group("", [], [])
            continue
        key = line.cells[by] if by else str(line.number)
        if by and group.lines and key == group.key:
            group.lines.append(line)
            if len(group.lines) > _MOST_LINES:
                raise FileRefused(f"Line {line.number}: more than {_MOST_LINES:,} lines have the same {by}.")
            continue
        if group.lines or group.unreadable:
            yield group
        if by and _short(key) in seen:
            raise FileRefused(f"Line {line.number}: its {by} comes back after another one. Sort the file by {by}.")
        if by:
            seen.add(_short(key))
        group = Group(key, [line], [])
    if group.lines or group.unreadable:
        yield group


def _short(key: str) -> bytes:
    return hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=12).digest()
