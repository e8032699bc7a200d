"""A first mapping of a file of people, proposed from its header and its first rows. A person looks it over."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from profiles.imports import reading
from profiles.imports.building import parse
from profiles.imports.mapping import As, Time
from profiles.imports.people import PeopleMapping, Trait
from profiles.imports.reading import Line

_LOOKED_AT = 200
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
#: What columns of identifiers and times are called, by their letters alone; the first that fits is taken.
_CALLED: Mapping[str, tuple[str, ...]] = {
    "user_id": ("userid", "customerid", "customernumber", "customerno", "clientid", "memberid", "contactid", "id"),
    "email": ("email", "emailaddress", "mail", "mailaddress"),
    "phone": ("phone", "phonenumber", "telephone", "mobile", "mobilephone", "tel"),
    "anonymous_id": ("anonymousid", "deviceid", "cookieid"),
}
_TIMES = ("updatedat", "modifiedat", "lastmodified", "lastmodifieddate", "lastupdated", "changedat")
_YES_NO = frozenset({"true", "false", "yes", "no"})


def propose(path: Path, *, known_types: Sequence[str], delimiter: str = "") -> PeopleMapping:
    """Propose a mapping for a file. Raises FileRefused."""
    chosen = delimiter or _delimiter(path)
    with reading.opened(path, delimiter=chosen) as file:
        rows = [line for line in islice(file.lines, _LOOKED_AT) if isinstance(line, Line)]
        columns = list(file.columns)
    identifiers = {
        type: found for type in known_types if (found := _called(columns, _CALLED.get(type, (_bare(type),))))
    }
    moment = _called(columns, _TIMES)
    taken = {*identifiers.values(), moment}
    return PeopleMapping(
        name=_snake(path.name.partition(".")[0]) or "people",
        identifiers=identifiers,
        traits={_snake(column): _trait(column, rows) for column in columns if column not in taken and _snake(column)},
        time=Time(moment) if moment and _all(rows, moment, _is_time) else None,
        delimiter=chosen,
    )


def as_document(mapping: PeopleMapping) -> dict[str, Any]:
    """Write a mapping as somebody would: without what goes without saying."""
    traits: dict[str, dict[str, str]] = {}
    for name, trait in mapping.traits.items():
        traits[name] = {"column": trait.column} | ({"kind": trait.kind.value} if trait.kind is not As.TEXT else {})
    document: dict[str, Any] = {"name": mapping.name, "identifiers": mapping.identifiers, "traits": traits}
    if mapping.time:
        document["time"] = {"column": mapping.time.column}
    return document | ({"delimiter": mapping.delimiter} if mapping.delimiter != "," else {})


def _delimiter(path: Path) -> str:
    """The character that the header is made of most often; a comma where nothing speaks for another."""
    with path.open("rb") as file:
        header = file.read(64 * 1024).split(b"\n")[0].decode(errors="replace")
    return max((",", ";", "\t", "|"), key=header.count)


def _called(columns: Iterable[str], names: Sequence[str]) -> str:
    bare = {_bare(column): column for column in reversed(list(columns))}
    return next((bare[name] for name in names if name in bare), "")


def _bare(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _snake(name: str) -> str:
    return "_".join(word.lower() for word in _WORDS.findall(name))


def _trait(column: str, rows: Sequence[Line]) -> Trait:
    for kind, fits in _KINDS:
        if _all(rows, column, fits):
            return Trait(column, kind)
    return Trait(column)


def _all(rows: Sequence[Line], column: str, fits: Callable[[str], bool]) -> bool:
    given = [value for row in rows if (value := row.cells.get(column, ""))]
    return bool(given) and all(fits(value) for value in given)


def _is_whole(text: str) -> bool:
    # A leading zero or a plus is a code (a postcode, a telephone number) and no number to count with.
    return re.fullmatch(r"-?(0|[1-9][0-9]{0,14})", text) is not None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?(0|[1-9][0-9]{0,14})([.][0-9]{1,9})?", text) is not None


def _is_time(text: str) -> bool:
    try:
        parse(text, Time(""))
    except ValueError:
        return False
    return len(text) >= len("2026-01-01")


_KINDS: tuple[tuple[As, Callable[[str], bool]], ...] = (
    (As.BOOLEAN, lambda text: text.lower() in _YES_NO),
    (As.INTEGER, _is_whole),
    (As.NUMBER, _is_number),
    (As.DATETIME, _is_time),
)
