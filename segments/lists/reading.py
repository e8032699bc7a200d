"""A file of names to entries: CSV with a column per kind of name, or one name per line.

email,user_id          alice@example.com is one row with two names
alice@example.com,17

email:alice@example.com      or the profile's public id:      p_00dq5m1c2s9xe
"""

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cdp.ids import from_public
from cdp.pseudonyms import lookup_hash
from profiles.identity.canonical import canonical
from profiles.identity.rules import known_types

PROFILE_ID = "profile_id"
MOST_ROWS = 500_000
MOST_BYTES = 64 * 1024 * 1024
_MOST_CELL = 1_000

#: A name under which somebody is found: its type, and the hash of its value.
Entry = tuple[str, bytes]


class ListRefused(Exception):
    """The file is no list of names; `field` and `message` say why and what to do."""

    def __init__(self, message: str, *, field: str = "file", code: str = "invalid_list") -> None:
        super().__init__(message)
        self.message, self.field, self.code = message, field, code


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file as entries: one tuple a row, empty where a row names nobody in a way that is known."""

    rows: tuple[tuple[Entry, ...], ...]
    sha256: str

    @property
    def entries(self) -> frozenset[Entry]:
        return frozenset(entry for row in self.rows for entry in row)

    @property
    def refused(self) -> int:
        return sum(not row for row in self.rows)


def read(body: bytes) -> Uploaded:
    """Read a file. Raises ListRefused where it is too large, not text, or names nobody at all."""
    if len(body) > MOST_BYTES:
        raise ListRefused(f"A list may be {MOST_BYTES // 1024 // 1024} MB large, not larger.", code="too_large")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ListRefused("The file is not text in UTF-8.") from None
    rows = tuple(_rows(text))
    if not any(rows):
        kinds = ", ".join((*known_types(), PROFILE_ID))
        raise ListRefused(
            'No row names anybody: write "email:alice@example.com" or a public profile id per line, or CSV with'
            f" columns among {kinds}."
        )
    return Uploaded(rows, hashlib.sha256(body).hexdigest())


def entry_of(kind: str, value: str) -> Entry | None:
    """A name as it is kept; None where it cannot be one of its kind."""
    if not value or len(value) > _MOST_CELL or "\x00" in value:
        return None
    if kind == PROFILE_ID:
        profile_id = from_public(value)
        return None if profile_id is None else (PROFILE_ID, profile_id.to_bytes(8, "big"))
    spelled = canonical(kind, value)
    return None if spelled is None else (kind, lookup_hash(kind, spelled))


def _rows(text: str) -> Iterator[tuple[Entry, ...]]:
    kinds = known_types()
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[tuple[int, str]] | None = None
    try:
        for number, cells in enumerate(line for line in lines if any(cell.strip() for cell in line)):
            if number > MOST_ROWS:
                raise ListRefused(f"A list may have {MOST_ROWS:,} rows, not more.", code="too_large")
            if number == 0:
                columns = _columns(cells, kinds)
                if columns:
                    continue
            yield _of_columns(cells, columns) if columns else _of_line(cells, kinds)
    except csv.Error as error:
        raise ListRefused(f"Line {lines.line_num} is not CSV: {error}.") from None


def _columns(cells: Sequence[str], kinds: Sequence[str]) -> list[tuple[int, str]]:
    """The columns that hold names, where the first line is a header; no other column is looked at."""
    headed = [(place, cell.strip().lower()) for place, cell in enumerate(cells)]
    return [(place, name) for place, name in headed if name in kinds or name == PROFILE_ID]


def _of_columns(cells: Sequence[str], columns: Sequence[tuple[int, str]]) -> tuple[Entry, ...]:
    found = (entry_of(kind, cells[place].strip()) for place, kind in columns if place < len(cells))
    return tuple(entry for entry in found if entry is not None)


def _of_line(cells: Sequence[str], kinds: Sequence[str]) -> tuple[Entry, ...]:
    line = ",".join(cells).strip()
    kind, colon, value = line.partition(":")
    known = kind.strip().lower()
    entry = entry_of(known, value.strip()) if colon and known in kinds else entry_of(PROFILE_ID, line)
    return () if entry is None else (entry,)
