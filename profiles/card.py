"""The profile card: the rows a read returns, each section written ahead by the app that owns it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection


_UPSERT = """
INSERT INTO card (profile_id, section, body, until, written_at)
SELECT profile_id, %s, body, until, %s
  FROM unnest(%s::bigint[], %s::jsonb[], %s::timestamptz[]) AS given (profile_id, body, until) ORDER BY profile_id
    ON CONFLICT (profile_id, section) DO UPDATE
   SET body = excluded.body, until = excluded.until, written_at = excluded.written_at
"""


def write_section(
    section: str, rows: Iterable[tuple[int, Mapping[str, Any], datetime | None]], *, now: datetime | None = None
) -> None:
    """Write a section for many people in the caller's transaction; `until` is when time alone will change it."""
    given = list(rows)
    if not given:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _UPSERT,
            [
                section,
                now,
                [row[0] for row in given],
                [msgspec.json.encode(row[1]).decode() for row in given],
                [row[2] for row in given],
            ],
        )
