"""Tags: a name that a rule puts on its members, `{"rule": …, "tag": "Loyal Customer"}`.

A tag follows from the stays: whoever has an open stay whose version puts the tag carries it, and carries it on when one
segment takes over from another. So the lane settles tags after it has judged, in the same transaction, for the people
whose stays or versions changed and nobody else; retiring, rolling back and merging need no rule of their own.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from cdp.copying import array
from profiles import card

FIELD = "tag"
SECTION = "tags"
LONGEST = 100

# The version that last confirmed a stay decides: while a new version is being filled in, the old one's tag stands.
_SETTLE = """
WITH asked AS MATERIALIZED (SELECT * FROM unnest(%(ids)s::bigint[]) AS asked (profile_id)),
carried AS MATERIALIZED (
    SELECT m.profile_id, v.content->>'tag' AS tag,
           (array_agg(m.segment_id ORDER BY m.entered_at, m.id))[1] AS segment_id,
           (array_agg(v.id ORDER BY m.entered_at, m.id))[1] AS version_id,
           jsonb_agg(jsonb_build_object('segment', s.key, 'version', v.number, 'entered_at', m.entered_at)
                     ORDER BY s.key) AS by
      FROM membership m JOIN segment_version v ON v.id = m.standing_version_id JOIN segment s ON s.id = m.segment_id
     WHERE m.profile_id = ANY(%(ids)s::bigint[]) AND m.left_at IS NULL AND v.content ? 'tag'
     GROUP BY 1, 2),
worn AS MATERIALIZED (
    SELECT id, profile_id, tag, given_at FROM tagging
     WHERE profile_id = ANY(%(ids)s::bigint[]) AND withdrawn_at IS NULL),
given AS (
    INSERT INTO tagging (profile_id, tag, segment_id, version_id, given_at)
    SELECT profile_id, tag, segment_id, version_id, %(now)s::timestamptz FROM carried
     WHERE NOT EXISTS (SELECT FROM worn WHERE (worn.profile_id, worn.tag) = (carried.profile_id, carried.tag))
    RETURNING id, profile_id, segment_id, version_id, tag),
withdrawn AS (
    UPDATE tagging SET withdrawn_at = greatest(%(now)s::timestamptz, tagging.given_at + interval '1 microsecond')
      FROM worn
     WHERE tagging.id = worn.id
       AND NOT EXISTS (SELECT FROM carried WHERE (carried.profile_id, carried.tag) = (worn.profile_id, worn.tag))
    RETURNING tagging.id, tagging.profile_id, tagging.segment_id, tagging.version_id, tagging.tag),
announced AS (
    INSERT INTO outbox (profile_id, segment_id, change, membership_id, version_id, at, tag)
    SELECT profile_id, segment_id, 'tagged', id, version_id, %(now)s::timestamptz, tag FROM given
     UNION ALL
    SELECT profile_id, segment_id, 'untagged', id, version_id, %(now)s::timestamptz, tag FROM withdrawn),
section AS (
    SELECT profile_id, jsonb_agg(jsonb_build_object(
               'tag', tag, 'since', coalesce(worn.given_at, %(now)s::timestamptz), 'by', by) ORDER BY tag) AS body
      FROM carried LEFT JOIN worn USING (profile_id, tag) GROUP BY 1)
SELECT profile_id, coalesce(section.body, '[]')::text FROM asked
  LEFT JOIN section USING (profile_id)
  LEFT JOIN (SELECT profile_id, body FROM card WHERE section = 'tags') AS known USING (profile_id)
 WHERE coalesce(section.body, '[]') IS DISTINCT FROM coalesce(known.body, '[]')
"""
_CLOSE = """
WITH withdrawn AS (
    UPDATE tagging SET withdrawn_at = greatest(%s, given_at + interval '1 microsecond')
     WHERE profile_id = %s AND withdrawn_at IS NULL
    RETURNING id, profile_id, segment_id, version_id, withdrawn_at, tag)
INSERT INTO outbox (profile_id, segment_id, change, membership_id, version_id, at, tag)
SELECT profile_id, segment_id, 'untagged', id, version_id, withdrawn_at, tag FROM withdrawn
"""


def misfit(value: Any) -> str | None:
    """Say what is wrong with a content's tag, or None."""
    fits = isinstance(value, str) and 0 < len(value) <= LONGEST and value.isprintable() and value == value.strip()
    return None if fits else f'"tag" is a name of 1 to {LONGEST} characters, without blanks around it.'


def settle(*, profile_ids: Collection[int], now: datetime) -> None:
    """Give and withdraw tags as these people's stays now say. In the transaction that changed the stays."""
    if not profile_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, {"ids": array(profile_ids), "now": now})
        rows = cursor.fetchall()
    card.write_section(SECTION, [(profile_id, msgspec.Raw(body.encode()), None) for profile_id, body in rows])


def close_for_merge(*, profile_id: int, now: datetime) -> None:
    """Withdraw the tags of somebody who was merged away; the winner's follow from the winner's stays."""
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE, [now, profile_id])
    card.write_section(SECTION, [(profile_id, [], None)])
