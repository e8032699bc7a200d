"""Lanes: the single writer for each share of the people."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Touch:
    """What changed about one person since their last evaluation, and why they are looked at again."""

    keys: frozenset[str]
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LaneBatch:
    """The people of one evaluation; `now` is the one moment all of them are evaluated at."""

    now: datetime
    people: Mapping[int, Touch]
