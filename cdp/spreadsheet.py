"""CSV that a spreadsheet opens as text. Pure.

A cell that begins with = + - @ is a formula to Excel and its kin, and so is one that begins with blanks, a tab, a
carriage return, a zero-width or a full-width character before it. Control characters go, every cell is quoted, and
whatever could begin a formula gets an apostrophe. That changes the text, which is why a CSV is a copy and the JSONL is
the record.
"""

import unicodedata
from collections.abc import Iterable

_STARTS = frozenset("=+-@|%")


def line(values: Iterable[object]) -> bytes:
    """Write one row, every cell quoted, ended as RFC 4180 asks."""
    return (",".join(cell(value) for value in values) + "\r\n").encode()


def cell(value: object) -> str:
    """Write one cell."""
    text = "" if value is None else "".join(_plain(character) for character in str(value))
    if _begins_a_formula(text):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"'


def _plain(character: str) -> str:
    # Cc: NUL, tab, line ends. Zl, Zp: Unicode's own line ends.
    return " " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character


def _begins_a_formula(text: str) -> bool:
    for character in unicodedata.normalize("NFKC", text):
        if character.isspace() or unicodedata.category(character) == "Cf":
            continue
        return character in _STARTS
    return False
