"""The profile card: the rows a read returns, each section written ahead by the app that owns it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from cdp.copying import array

_UPSERT = """
INSERT INTO card (profile_id, section, body, until, written_at)
SELECT profile_id, %s, body, until, clock_timestamp()
  FROM unnest(%s::bigint[], %s::jsonb[], %s::timestamptz[]) AS given (profile_id, body, until) ORDER BY profile_id
    ON CONFLICT (profile_id, section) DO UPDATE
   SET body = excluded.body, until = excluded.until, written_at = excluded.written_at
"""


def write_section(section: str, rows: Iterable[tuple[int, Any, datetime | None]]) -> None:
    """Write a section for many people in the caller's transaction; `until` is when time alone will change it."""
    given = list(rows)
    if not given:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _UPSERT,
            [
                section,
                array(row[0] for row in given),
                array(msgspec.json.encode(row[1]).decode() for row in given),
                array(row[2] for row in given),
            ],
        )


_PROFILE = """
INSERT INTO card (profile_id, section, body, until, written_at)
SELECT given.id, 'profile', jsonb_build_object('identifiers', coalesce(who.identifiers, '[]'),
                                               'traits', coalesce(what.traits, '{}')), NULL, %s
  FROM unnest(%s::bigint[]) AS given (id)
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_object('type', type, 'value', value, 'first_seen_at', first.seen_at)
                        ORDER BY type, value) AS identifiers
         FROM origin JOIN identifier ON origin_id = origin.id
        CROSS JOIN LATERAL (SELECT identifier.first_seen_at) AS first (seen_at)
        WHERE root_id = given.id) AS who
 CROSS JOIN LATERAL (
       SELECT jsonb_object_agg(trait.name, jsonb_build_object(
                  'value', value, 'source', source.key, 'observed_at', observed_at, 'applied_at', applied_at,
                  'method', CASE method WHEN 3 THEN 'verified' WHEN 2 THEN 'observed' WHEN 1 THEN 'imputed'
                                        ELSE 'inferred' END,
                  'confidence', confidence)) AS traits
         FROM trait JOIN source ON source.id = source_id
        WHERE profile_id = given.id AND value IS NOT NULL) AS what
 ORDER BY given.id
    ON CONFLICT (profile_id, section) DO UPDATE SET body = excluded.body, written_at = excluded.written_at
"""


def write_profile_section(profile_ids: Iterable[int], *, now: datetime) -> None:
    """Write identifiers and traits with where they came from, for people whose lane is ours."""
    with connection.cursor() as cursor:
        cursor.execute(_PROFILE, [now, array(profile_ids)])
