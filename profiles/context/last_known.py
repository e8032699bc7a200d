"""What a person was last known by, as traits: kept per origin as claims tell it, folded by their lane.

    claim   the touch of an origin carries the latest telling of each part among the events it stored
    taking  `keep` merges it into what the origin is known to have told; marks the touch where a trait may change
    lane    `fold` takes the latest over the person's origins and writes the traits that show something else

Only what shows something else is written to the traits: another value, another source, another day. So `observed_at` of
such a trait is told to the day; the exact time is in `last_context`, by which the next telling is measured. The value
is also added to the statements of the trait, for whoever asks about the past. A value of the same name that a sender
stated stands above an inferred one.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
SELECT origin.id, last_context.told::text,
       EXISTS (SELECT FROM origin AS other JOIN last_context ON last_context.origin_id = other.id
                WHERE other.root_id = origin.root_id AND other.id <> origin.id)
  FROM unnest(%s::bigint[]) AS given (id) JOIN origin USING (id)
  LEFT JOIN last_context ON last_context.origin_id = origin.id
"""
_KEEP = """
INSERT INTO last_context (origin_id, told)
SELECT * FROM unnest(%s::bigint[], %s::jsonb[]) AS given (origin_id, told) ORDER BY origin_id
    ON CONFLICT (origin_id) DO UPDATE SET told = excluded.told
"""
_OF_PEOPLE = """
SELECT root_id, origin_id, told::text FROM origin JOIN last_context ON origin_id = origin.id
 WHERE root_id = ANY(%s::bigint[])
"""
_WRITE = f"""
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::jsonb[], %s::bigint[], %s::timestamptz[], %s::timestamptz[],
                         %s::bigint[], %s::bigint[])
        AS given (profile_id, name, value, source_id, observed_on, observed_at, event_id, origin_id)),
changed AS MATERIALIZED (
    SELECT given.*, trait.value AS before FROM given LEFT JOIN trait USING (profile_id, name)
     WHERE given.value IS NOT NULL AND coalesce(trait.method, {_INFERRED}) = {_INFERRED}
       AND (trait.value, trait.source_id, trait.observed_at)
           IS DISTINCT FROM (given.value, given.source_id, given.observed_on)),
lost AS (
    DELETE FROM trait USING given
     WHERE (trait.profile_id, trait.name) = (given.profile_id, given.name) AND given.value IS NULL
       AND trait.method = {_INFERRED}
    RETURNING given.*),
stated AS (
    INSERT INTO trait_value (origin_id, name, value, method, source_id, source_priority, observed_at, event_id,
                             applied_at)
    SELECT origin_id, name, value, {_INFERRED}, source_id, 0, observed_at, event_id, %s::timestamptz
      FROM (SELECT origin_id, name, value, source_id, observed_at, event_id FROM changed
             WHERE value IS DISTINCT FROM before
             UNION ALL SELECT origin_id, name, NULL, source_id, observed_at, event_id FROM lost) AS told
     WHERE NOT EXISTS (SELECT FROM trait_value AS known
                        WHERE (known.origin_id, known.name, known.method, known.source_priority) =
                              (told.origin_id, told.name, {_INFERRED}, 0)
                          AND (known.observed_at, known.event_id) = (told.observed_at, told.event_id))),
written AS (
    INSERT INTO trait (profile_id, name, value, method, source_id, source_priority, observed_at, event_id, applied_at)
    SELECT profile_id, name, value, {_INFERRED}, source_id, 0, observed_on, 0, %s::timestamptz FROM changed
     ORDER BY profile_id, name
        ON CONFLICT (profile_id, name) DO UPDATE
       SET (value, source_id, observed_at, applied_at) =
           ROW (excluded.value, excluded.source_id, excluded.observed_at, excluded.applied_at)
    RETURNING profile_id, name)
SELECT profile_id, name FROM written UNION ALL SELECT profile_id, name FROM lost
"""
# An origin that changed hands takes what it told with it.
_DROP_LOST = f"""
DELETE FROM trait WHERE profile_id = ANY(%s::bigint[]) AND method = {_INFERRED}
   AND (profile_id, name) NOT IN (SELECT * FROM unnest(%s::bigint[], %s::text[]))
RETURNING profile_id, name
"""
_SET_ZONES = """
UPDATE profile SET time_zone = given.zone FROM unnest(%s::bigint[], %s::text[]) AS given (id, zone)
 WHERE profile.id = given.id AND time_zone IS DISTINCT FROM given.zone RETURNING profile.id
"""

#: The latest telling of each part of a person, with the origin it came from.
_Known = dict[str, tuple[Telling, int]]


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


def fold(cursor: Any, *, people: Collection[int], regrouped: Sequence[int], now: datetime) -> dict[int, set[str]]:
    """Write the traits by which these people are last known where they show something else; return whose and which.

    The `regrouped` may have lost an origin, and with it all it told.
    """
    changed: defaultdict[int, set[str]] = defaultdict(set)
    if not people:
        return changed
    known = _known(cursor, people)
    rows = [row for person, latest in known.items() for row in _rows(person, latest)]
    if rows:
        cursor.execute(_WRITE, [*columns(rows), now, now])
        _note(changed, cursor.fetchall())
    if regrouped:
        cursor.execute(_DROP_LOST, [array(regrouped), array(row[0] for row in rows), array(row[1] for row in rows)])
        _note(changed, cursor.fetchall())
    cursor.execute(_SET_ZONES, columns((person, _zone(known.get(person, {}))) for person in people))
    _note(changed, ((person, LAST_TIME_ZONE) for (person,) in cursor.fetchall()))
    return changed


def _known(cursor: Any, people: Iterable[int]) -> dict[int, _Known]:
    cursor.execute(_OF_PEOPLE, [array(people)])
    known: defaultdict[int, _Known] = defaultdict(dict)
    for person, origin, spelled in cursor.fetchall():
        latest = known[person]
        for part, telling in decode(spelled).items():
            other = latest.get(part)
            # Two origins never tell of the same event, so that there is always a later one.
            if other is None or telling[:2] > other[0][:2]:
                latest[part] = telling, origin
    return known


def _rows(person: int, latest: _Known) -> Iterator[tuple[object, ...]]:
    for part, (telling, origin) in latest.items():
        for name, value in zip(PARTS[part], telling.values, strict=True):
            spelled = None if value is None else encode(value).decode()
            day = f"{telling.day}T00:00:00+00:00"
            yield person, name, spelled, telling.source_id, day, telling.at, telling.event_id, origin


def _zone(latest: Mapping[str, tuple[Telling, int]]) -> str | None:
    return latest["zone"][0].values[0] if "zone" in latest else None


def _note(changed: defaultdict[int, set[str]], pairs: Iterable[tuple[int, str]]) -> None:
    for person, name in pairs:
        changed[person].add(name)
