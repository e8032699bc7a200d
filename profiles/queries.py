"""Reads that several doors share: who an identifier stands for, and a person's card in one statement."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections
from msgspec import Raw
from msgspec.json import decode

from cdp.ids import from_public
from cdp.plain_cursor import plain_cursor
from cdp.pseudonyms import lookup_hash
from profiles.identity.canonical import canonical
from profiles.identity.rules import known_rule

PROFILE_ID = "id"

# One statement from the name to everything a read tells. Whether it is due is the database's word, on its own clock.
_CARD = """
SELECT card.profile_id, traits, card.first_seen_at, last_seen_at, event_count, evaluated_at, sections, bodies, is_due
"""
_BY_IDENTIFIER = f"{_CARD} FROM cdp_card_named(%s, %s) AS card"
_BY_ID = f"{_CARD} FROM cdp_card(%s) AS card"


class Sections(Mapping[str, Any]):
    """The sections of a card as they are stored; one is only decoded when somebody looks at it."""

    __slots__ = ("_bodies",)

    def __init__(self, bodies: Mapping[str, str]) -> None:
        self._bodies = bodies

    def __getitem__(self, section: str) -> Any:
        return decode(self._bodies[section])

    def __iter__(self) -> Iterator[str]:
        return iter(self._bodies)

    def __len__(self) -> int:
        return len(self._bodies)

    def raw(self, section: str) -> str | None:
        return self._bodies.get(section)

    def parts(self, section: str) -> dict[str, Raw]:
        """Return the members of a section, each still in its own bytes."""
        body = self._bodies.get(section)
        return decode(body, type=dict[str, Raw]) if body else {}


@dataclass(frozen=True, slots=True)
class PersonCard:
    """All a read tells about a person. `merged_into` is set when an id was asked for that was merged away."""

    profile_id: int
    merged_into: int | None
    traits: str
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    event_count: int
    evaluated_at: datetime | None
    sections: Sections
    is_due: bool


def find_card(*, type: str, value: str, using: str = "default") -> PersonCard | None:
    """Return the card of whom an identifier, or a public profile id, stands for now; None when that is nobody."""
    asked = _asked(type, value)
    if asked is None:
        return None
    with plain_cursor(using) as cursor:
        cursor.execute(_BY_ID if type == PROFILE_ID else _BY_IDENTIFIER, asked)
        row = cursor.fetchone()
    if row is None:
        return None
    root, traits, first, last, events, evaluated, names, bodies, is_due = row
    sections = Sections(dict(zip(names or (), bodies or (), strict=True)))
    merged = root if type == PROFILE_ID and asked != [root] else None
    return PersonCard(root, merged, traits, first, last, events, evaluated, sections, is_due)


def find_profile(*, type: str, value: str) -> int | None:
    """Return the profile an identifier, or a public profile id, stands for now."""
    asked = _asked(type, value)
    if asked is None:
        return None
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT root_id FROM origin WHERE id = %s"
            if type == PROFILE_ID
            else "SELECT root_id FROM identifier JOIN origin ON origin.id = origin_id WHERE type = %s AND hash = %s",
            asked,
        )
        row = cursor.fetchone()
    return row[0] if row else None


def find_origin(*, type: str, value: str) -> int | None:
    """Return the origin of an identifier, or of a public profile id: what stays itself whoever it belongs to."""
    asked = _asked(type, value)
    if asked is None:
        return None
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT id FROM origin WHERE id = %s"
            if type == PROFILE_ID
            else "SELECT origin_id FROM identifier WHERE type = %s AND hash = %s",
            asked,
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _asked(type: str, value: str) -> list[Any] | None:
    if "\x00" in value:
        return None
    if type == PROFILE_ID:
        number = from_public(value)
        return None if number is None else [number]
    rule = known_rule()
    if type not in rule.names:
        return None
    spelled = canonical(type, value, country=rule.country)
    return None if spelled is None else [type, lookup_hash(type, spelled)]
