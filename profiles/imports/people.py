"""A file of people, as a CRM gives it: which columns name somebody, and what the others say about them.

Every row becomes an identify call and goes the way of all events, so consent, identity, plans, priorities of sources
and the history of traits hold for it as for anything else. Its message id is made of what the row says: the same row
again is the same message, and changes nothing. A file that may come back to an earlier state therefore needs a time,
by a column or by the day it was written (`as_of`), which is then part of the message.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.json import Decoder, encode

from cdp.pseudonyms import derived_key
from profiles.imports.building import LineRefused, cell, parse
from profiles.imports.mapping import As, Column, MappingRefused, Time, check_time, content_of, decoded
from profiles.imports.reading import Group, Line
from profiles.ingest.incoming import MAX_PROPERTIES

USER_ID, ANONYMOUS_ID = "user_id", "anonymous_id"
_MOST_TRAITS = MAX_PROPERTIES - 20  # identifiers that are traits as well need room beside them


class Empty(StrEnum):
    """What an empty cell says: nothing, or that there is no such value any more."""

    SKIP = "skip"
    CLEAR = "clear"


class Trait(Struct, frozen=True, forbid_unknown_fields=True):
    """A column as a trait. `format` and `zone` are a datetime's, `separator` is a list's."""

    column: str
    kind: As = As.TEXT
    format: str = ""
    zone: str = "UTC"
    separator: str = ","
    empty: Empty = Empty.SKIP

    @property
    def as_column(self) -> Column:
        return Column(self.column, self.kind, self.format, self.zone, self.separator)


class PeopleMapping(Struct, frozen=True, forbid_unknown_fields=True):
    """All a mapping of people says: `identifiers` names a column per type, `traits` a column per trait."""

    name: str
    identifiers: dict[str, str]
    traits: dict[str, Trait] = {}
    time: Time | None = None
    description: str = ""
    source: str = ""
    priority: int | None = None
    delimiter: str = ","

    group_by = ""

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(encode(self)).hexdigest()

    @property
    def columns(self) -> frozenset[str]:
        """Every column that the mapping reads."""
        named = {*self.identifiers.values(), *(trait.column for trait in self.traits.values())}
        return frozenset(named | ({self.time.column} if self.time else set()))


_decoder = Decoder(PeopleMapping)


def load(path: Path) -> PeopleMapping:
    """Read a mapping file. Raises MappingRefused."""
    return read(content_of(path), named=path.name)


def read(content: bytes, *, named: str = "mapping") -> PeopleMapping:
    """Read a mapping of people. Raises MappingRefused."""
    mapping: PeopleMapping = decoded(_decoder, content, named=named)
    if not mapping.name:
        raise MappingRefused("name: a mapping has a name; it is part of every message id.")
    if len(mapping.delimiter) != 1:
        raise MappingRefused("delimiter: is one character.")
    if not mapping.identifiers:
        raise MappingRefused("identifiers: name at least one column that says who a row is about.")
    if len(mapping.traits) > _MOST_TRAITS:
        raise MappingRefused(f"traits: at most {_MOST_TRAITS} traits can be read from one row.")
    if mapping.priority is not None and not -32_768 <= mapping.priority <= 32_767:
        raise MappingRefused("priority: is a number from -32768 to 32767.")
    if mapping.time:
        check_time(mapping.time)
    for name, trait in mapping.traits.items():
        if not name:
            raise MappingRefused("traits: a trait has a name.")
        check_time(Time(trait.column, trait.format, trait.zone), field=f"traits.{name}")
    return mapping


def check_types(mapping: PeopleMapping, known: Collection[str]) -> None:
    """Raises MappingRefused for an identifier of a type that the identity rule does not know."""
    for name in mapping.identifiers:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            told = f"identifiers.{name}: there is no such type; there are {', '.join(known)}.{hint}"
            raise MappingRefused(told, f"identifiers.{name}")


def build(
    mapping: PeopleMapping, group: Group, *, stated: Mapping[str, str], as_of: datetime, dated: str
) -> Iterator[dict[str, Any]]:
    """Yield the identify call of a row. Raises LineRefused.

    `stated` tells which trait states an identifier of each type; those of other types are named as external ids.
    `dated` is the day of the file where somebody gave one, and so part of the message.
    """
    line = group.lines[0]
    names = {type: line.cells[column].strip() for type, column in mapping.identifiers.items()}
    named = {type: value for type, value in names.items() if value}
    if not named:
        raise LineRefused(line, next(iter(mapping.identifiers.values())), "is empty, as is every other identifier")
    traits = dict(_traits(mapping, line))
    external = []
    for type, value in named.items():
        if type in stated:
            traits.setdefault(stated[type], value)
        elif type not in (USER_ID, ANONYMOUS_ID):
            external.append({"type": type, "id": value, "collection": "users", "encoding": "none"})
    moment = _time(mapping.time, line) if mapping.time else None
    told = [mapping.name, dated, moment, sorted(named.items()), sorted(traits.items())]
    yield {
        "type": "identify",
        "messageId": f"row:{hashlib.sha256(_plain(told)).hexdigest()}",
        "userId": named.get(USER_ID),
        "anonymousId": named.get(ANONYMOUS_ID) or (None if USER_ID in named else _stand_in(mapping, named)),
        "timestamp": moment or as_of.astimezone(UTC).isoformat(),
        "traits": traits,
        **({"context": {"externalIds": external}} if external else {}),
    }


def _traits(mapping: PeopleMapping, line: Line) -> Iterator[tuple[str, Any]]:
    for name, trait in mapping.traits.items():
        value = cell(trait.as_column, line)
        if value is not None or trait.empty is Empty.CLEAR:
            yield name, value


def _time(time: Time, line: Line) -> str:
    try:
        return parse(line.cells[time.column], time).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise LineRefused(line, time.column, "is not a time as the mapping writes it") from None


def _stand_in(mapping: PeopleMapping, named: Mapping[str, str]) -> str:
    """Name a row that has neither user id nor device by a keyed hash of the names it has: every call needs one."""
    key = derived_key(f"import:{mapping.name}")
    return "row-" + hmac.digest(key, _plain(sorted(named.items())), "sha256").hex()[:32]


def _plain(told: Any) -> bytes:
    return repr(told).encode("utf-8", "surrogateescape")
