"""Whose turn it is while more waits than time allows: claims, people, or the people who take long.

Under load claims come first: a person touched by ten claims is then evaluated once. How long the touched wait follows
the inbox. While the oldest request has waited 20 s for its claim, another few make little difference to whoever sent
it and halve the work; once the inbox is worked off nobody waits. Heavy people get a quarter of the time: after a turn
of theirs that took a second, the next begins three seconds later.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection

from profiles import lanes

SHORTEST_WAIT = 0.1
LONGEST_WAIT = 10.0
SHARE_OF_THE_BACKLOG = 0.5
HEAVY_PAUSE = 3.0

_OLDEST = """
SELECT extract(epoch FROM clock_timestamp() - received_at)::float FROM inbox WHERE state = 0 ORDER BY id LIMIT 1
"""


@dataclass(slots=True)
class Turns:
    """The turns of one process; `clock` counts seconds."""

    clock: Callable[[], float] = time.monotonic
    evaluated_at: float = 0.0
    heavy_from: float = 0.0

    def take(self, *, claimed: int) -> int:
        """Evaluate whoever's turn it is after a claim of so many requests; return how many touches were taken."""
        if claimed and self.clock() - self.evaluated_at < _patience():
            return 0
        taken = lanes.run_once()
        self.evaluated_at = began = self.clock()
        if began < self.heavy_from:
            return taken
        heavy = lanes.run_heavy()
        ended = self.clock()
        self.heavy_from = ended + HEAVY_PAUSE * (ended - began) if heavy else ended
        return taken + heavy


def _patience() -> float:
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST)
        row = cursor.fetchone()
    return min(max(SHORTEST_WAIT, SHARE_OF_THE_BACKLOG * row[0]), LONGEST_WAIT) if row else 0.0
