"""What READ_GATES are given and what they answer; they decide from the card already read and never query. AUDIENCES."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string


@dataclass(frozen=True, slots=True)
class Read:
    """One reading of one person: `fields` are those asked for ("traits.email", "segments"), `card` the sections."""

    profile_id: int
    purpose: str
    fields: frozenset[str]
    card: Mapping[str, Any]
    now: datetime


@dataclass(frozen=True, slots=True)
class Withheld:
    """A field that is not told: "traits.<name>", a whole part such as "segments", or "*" for everything."""

    field: str
    reason: str
    code: str


@dataclass(frozen=True, slots=True)
class Audience:
    """Whether somebody belongs to a named group of people, and since when; they belong, or once did."""

    is_member: bool
    since: datetime


Gate = Callable[[Read], tuple[Withheld, ...]]


@cache
def _load(paths: tuple[str, ...]) -> tuple[Callable[..., Any], ...]:
    return tuple(import_string(path) for path in paths)


def audiences(profile_id: int) -> dict[str, Audience]:
    """Ask every list of AUDIENCES which groups the person is in, or has left."""
    return {name: found for ask in _load(tuple(settings.AUDIENCES)) for name, found in ask(profile_id).items()}


def unsettled() -> dict[str, str]:
    """Ask every list of UNSETTLED which groups not everybody has been judged for yet, and in a word why."""
    return {name: state for ask in _load(tuple(settings.UNSETTLED)) for name, state in ask().items()}


def withhold(read: Read) -> tuple[Withheld, ...]:
    """Ask every gate in the order of settings what must not be told."""
    return tuple(withheld for gate in _load(tuple(settings.READ_GATES)) for withheld in gate(read))
