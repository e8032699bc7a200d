"""What a person was last known by, as traits: kept per origin as claims tell it, folded by their lane.

    claim   the touch of an origin carries the latest telling of each part among the events it stored
    taking  `keep` merges it into what the origin is known to have told; marks the touch where a trait may change
    lane    `fold` takes the latest over the person's origins and writes the traits that show something else

Only what shows something else is written to the traits: another value, another source, another day. So `observed_at` of
such a trait is told to the day; the exact time is in `last_context`, by which the next telling is measured. The value
is also added to the statements of the trait, for whoever asks about the past. A value of the same name that a sender
stated stands above an inferred one.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from cdp.copying import array, columns
from profiles.context.deriving import PARTS
from profiles.context.latest import NOTHING_TOLD, Telling, decode, encode, later, show_the_same
from profiles.facts.contexts import LAST_TIME_ZONE
from profiles.models import TraitMethod

#: The touch key of those whose last known context may be another one.
KEY = "context"
_INFERRED = TraitMethod.INFERRED.value

# The touch that is being taken holds the lock of every origin it tells of: what is read here stays until the commit.
_STORED = """
SELECT origin.id, kept.told::text,
       EXISTS (SELECT FROM origin AS other JOIN last_context ON last_context.origin_id = other.id
                WHERE other.root_id = origin.root_id AND other.id <> origin.id)
  FROM unnest(%s::bigint[]) AS given (id) JOIN origin USING (id)
  LEFT JOIN LATERAL (SELECT told FROM last_context WHERE origin_id = origin.id LIMIT 1) AS kept ON true
"""
_KEEP = """
INSERT INTO last_context (origin_id, told)
SELECT * FROM unnest(%s::bigint[], %s::jsonb[]) AS given (origin_id, told) ORDER BY origin_id
    ON CONFLICT (origin_id) DO UPDATE SET told = excluded.told
"""
_NAMES = ", ".join(
    f"('{part}', '{name}', {place})" for part, names in PARTS.items() for place, name in enumerate(names)
)
# Two origins never tell of the same event, so that there is always a latest telling. A value that is no longer told
# takes the trait with it; so does an origin that changed hands, for the regrouped. A probe for each origin and each
# statement, and LIMIT and OFFSET keep it so: joined, the planner would read whole tables for a batch of people.
_FOLD = f"""
WITH latest AS MATERIALIZED (
    SELECT DISTINCT ON (root_id, part) root_id AS profile_id, origin_id, part, telling
      FROM origin
     CROSS JOIN LATERAL (SELECT origin_id, told FROM last_context WHERE origin_id = origin.id LIMIT 1) AS kept
     CROSS JOIN LATERAL jsonb_each(told) AS each (part, telling)
     WHERE root_id = ANY(%(people)s::bigint[])
     ORDER BY root_id, part, (telling->>0) COLLATE "C" DESC, (telling->>1)::bigint DESC),
given AS MATERIALIZED (
    SELECT profile_id, origin_id, name, nullif(telling->3->place, 'null') AS value, (telling->>1)::bigint AS event_id,
           (telling->>2)::bigint AS source_id, (telling->>0)::timestamptz AS observed_at,
           (left(telling->>0, 10) || 'T00:00:00Z')::timestamptz AS observed_on
      FROM latest JOIN (VALUES {_NAMES}) AS names (part, name, place) USING (part)),
changed AS MATERIALIZED (
    SELECT given.*, trait.value AS before
      FROM given LEFT JOIN (SELECT * FROM trait WHERE profile_id = ANY(%(people)s::bigint[])) AS trait
     USING (profile_id, name)
     WHERE given.value IS NOT NULL AND coalesce(trait.method, {_INFERRED}) = {_INFERRED}
       AND (trait.value, trait.source_id, trait.observed_at)
           IS DISTINCT FROM (given.value, given.source_id, given.observed_on)),
lost AS (
    DELETE FROM trait USING given
     WHERE trait.profile_id = ANY(%(people)s::bigint[]) AND given.value IS NULL
       AND (trait.profile_id, trait.name) = (given.profile_id, given.name) AND trait.method = {_INFERRED}
    RETURNING given.*),
dropped AS (
    DELETE FROM trait
     WHERE profile_id = ANY(%(regrouped)s::bigint[]) AND method = {_INFERRED}
       AND NOT EXISTS (SELECT FROM given WHERE (given.profile_id, given.name) = (trait.profile_id, trait.name))
    RETURNING profile_id, name),
stated AS (
    INSERT INTO trait_value (origin_id, name, value, method, source_id, source_priority, observed_at, event_id,
                             applied_at)
    SELECT origin_id, name, value, {_INFERRED}, source_id, 0, observed_at, event_id, %(now)s::timestamptz
      FROM (SELECT origin_id, name, value, source_id, observed_at, event_id FROM changed
             WHERE value IS DISTINCT FROM before
             UNION ALL SELECT origin_id, name, NULL, source_id, observed_at, event_id FROM lost) AS told
     WHERE NOT EXISTS (SELECT FROM trait_value AS known
                        WHERE (known.origin_id, known.name, known.method, known.source_priority) =
                              (told.origin_id, told.name, {_INFERRED}, 0)
                          AND (known.observed_at, known.event_id) = (told.observed_at, told.event_id) OFFSET 0)),
written AS (
    INSERT INTO trait (profile_id, name, value, method, source_id, source_priority, observed_at, event_id, applied_at)
    SELECT profile_id, name, value, {_INFERRED}, source_id, 0, observed_on, 0, %(now)s::timestamptz FROM changed
     ORDER BY profile_id, name
        ON CONFLICT (profile_id, name) DO UPDATE
       SET (value, source_id, observed_at, applied_at) =
           ROW (excluded.value, excluded.source_id, excluded.observed_at, excluded.applied_at)
    RETURNING profile_id, name),
moved AS (
    UPDATE profile SET time_zone = told.zone
      FROM (SELECT asked.id, latest.telling->3->>0 AS zone FROM unnest(%(people)s::bigint[]) AS asked (id)
              LEFT JOIN latest ON latest.profile_id = asked.id AND latest.part = 'zone') AS told
     WHERE profile.id = ANY(%(people)s::bigint[]) AND profile.id = told.id
       AND profile.time_zone IS DISTINCT FROM told.zone
    RETURNING profile.id)
SELECT profile_id, array_agg(name) FROM (
    SELECT profile_id, name FROM written UNION ALL SELECT profile_id, name FROM lost
     UNION ALL SELECT profile_id, name FROM dropped UNION ALL SELECT id, '{LAST_TIME_ZONE}' FROM moved) AS told
 GROUP BY 1
"""


def keep(cursor: Any, told: Iterable[tuple[int, str]]) -> set[int]:
    """Merge what claims told of origins; return the origins by which a person may be known otherwise now."""
    tellings: dict[int, dict[str, Telling]] = {}
    for origin, spelled in told:
        tellings[origin] = later(tellings.get(origin, NOTHING_TOLD), decode(spelled))
    cursor.execute(_STORED, [array(tellings)])
    newer: list[tuple[int, str]] = []
    marked: set[int] = set()
    for origin, spelled, has_others in cursor.fetchall():
        before = decode(spelled) if spelled else NOTHING_TOLD
        after = later(before, tellings[origin])
        if after != before:
            newer.append((origin, encode(after).decode()))
            if has_others or not show_the_same(before, after):
                marked.add(origin)
    if newer:
        cursor.execute(_KEEP, columns(newer))
    return marked


def fold(cursor: Any, *, people: Collection[int], regrouped: Sequence[int], now: datetime) -> dict[int, list[str]]:
    """Write the traits by which these people are last known where they show something else; return whose and which.

    The `regrouped`, of these people, may have lost an origin, and with it all it told.
    """
    if not people:
        return {}
    cursor.execute(_FOLD, {"people": array(people), "regrouped": array(regrouped), "now": now})
    return dict(cursor.fetchall())
