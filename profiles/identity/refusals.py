"""What a rule kept from becoming an identifier, counted for whom it came with: nothing is left out without a word."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from cdp.copying import columns
from profiles.identity.naming import Name

_COUNT = """
INSERT INTO refused_identifier AS known (origin_id, type, value, count, first_at, last_at)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])
    ON CONFLICT (origin_id, type, value) DO UPDATE
   SET count = known.count + excluded.count, first_at = least(known.first_at, excluded.first_at),
       last_at = greatest(known.last_at, excluded.last_at)
"""


class Dated(Protocol):
    @property
    def ts(self) -> datetime: ...


class Named(Protocol):
    @property
    def origin_id(self) -> int: ...
    @property
    def blocked(self) -> tuple[Name, ...]: ...
    @property
    def event(self) -> Dated: ...


def count(cursor: Any, drafts: Iterable[Named]) -> None:
    """Count the blocked values of stored events, in one order for all claims."""
    seen: dict[tuple[int, str, str], tuple[int, datetime, datetime]] = {}
    for draft in drafts:
        if draft.blocked:
            ts = draft.event.ts
            for type, value in draft.blocked:
                key = (draft.origin_id, type, value)
                known, first, last = seen.get(key, (0, ts, ts))
                seen[key] = (known + 1, min(first, ts), max(last, ts))
    if seen:
        cursor.execute(_COUNT, columns((*key, *seen[key]) for key in sorted(seen)))
