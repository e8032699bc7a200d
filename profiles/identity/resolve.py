"""Apply what `matching` decides: new people, links, merges."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Merge:
    """Two people who are one from `now` on. The winner is the older profile."""

    winner_id: int
    loser_id: int
    now: datetime
