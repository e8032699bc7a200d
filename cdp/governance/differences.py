"""What changed between two contents: as a list for programs, as aligned lines and marked words for people."""

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Change(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place that differs; `path` is a JSON pointer."""

    path: str
    change: Change
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the side-by-side view; an empty side is padding."""

    change: Change
    left_number: int | None
    left: str
    right_number: int | None
    right: str


@dataclass(frozen=True, slots=True)
class Run:
    """Words of a sentence that stayed, went or came."""

    change: Change
    text: str


def differences(before: Any, after: Any) -> tuple[Difference, ...]:
    """List the smallest places in which `after` differs from `before`."""
    return tuple(_walk("", before, after))


def _walk(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _member(f"{path}/{_escaped(key)}", key, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        left, right = dict(enumerate(before)), dict(enumerate(after))
        for index in range(max(len(left), len(right))):
            yield from _member(f"{path}/{index}", index, left, right)
    elif type(before) is not type(after) or before != after:
        yield Difference(path, Change.CHANGED, before, after)


def _member(path: str, key: Any, before: dict[Any, Any], after: dict[Any, Any]) -> Iterator[Difference]:
    if key not in before:
        yield Difference(path, Change.ADDED, None, after[key])
    elif key not in after:
        yield Difference(path, Change.REMOVED, before[key], None)
    else:
        yield from _walk(path, before[key], after[key])


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def side_by_side(before: Any, after: Any) -> tuple[Line, ...]:
    """Align both contents as indented JSON, line by line."""
    left, right = _lines(before), _lines(after)
    rows: list[Line] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(a=left, b=right, autojunk=False).get_opcodes():
        for offset in range(max(i2 - i1, j2 - j1)):
            i = i1 + offset if i1 + offset < i2 else None
            j = j1 + offset if j1 + offset < j2 else None
            rows.append(_row(tag, i, j, left, right))
    return tuple(rows)


#: A word, a number with its separators, a mark, or the space between.
_TOKEN = re.compile(r"\w+(?:[.,:]\w+)*|\s+|[^\w\s]")


def words(before: str, after: str) -> tuple[Run, ...]:
    """Align two sentences word by word; what was replaced stands before what replaces it."""
    left, right = _TOKEN.findall(before), _TOKEN.findall(after)
    runs: list[Run] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(a=left, b=right, autojunk=False).get_opcodes():
        if tag == "equal":
            runs.append(Run(Change.SAME, "".join(left[i1:i2])))
            continue
        if i2 > i1:
            runs.append(Run(Change.REMOVED, "".join(left[i1:i2])))
        if j2 > j1:
            runs.append(Run(Change.ADDED, "".join(right[j1:j2])))
    return tuple(runs)


def _row(tag: str, i: int | None, j: int | None, left: list[str], right: list[str]) -> Line:
    if tag == "equal":
        change = Change.SAME
    elif i is None:
        change = Change.ADDED
    else:
        change = Change.REMOVED if j is None else Change.CHANGED
    return Line(
        change,
        None if i is None else i + 1,
        "" if i is None else left[i],
        None if j is None else j + 1,
        "" if j is None else right[j],
    )


def _lines(content: Any) -> list[str]:
    return [] if content is None else json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False).splitlines()
