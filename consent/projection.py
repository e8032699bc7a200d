"""Where everybody stands, kept beside the ledger: `consent_state`, the card's section, and the lanes' attention.

All of it is computed from the entries of all origins that belong to a person, under a lock on that person, and never
edited: a repeat, a merge or a late entry computes it again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from django.db import connection, transaction

from cdp.copying import array
from consent import evidence, section
from consent.decisions import NOWHERE, Act, Assurance, Operation, Standing, stand
from profiles import card, touches
from profiles.identity import resolve
from profiles.identity.regrouping import LANES
from profiles.models import Cause

SECTION = "consent"

#: person -> purpose -> where they stand
Standings = Mapping[int, Mapping[str, Standing]]


def lock_people(origin_ids: Iterable[int], *, now: datetime) -> tuple[dict[int, evidence.Subject], dict[int, int]]:
    """Lock everybody whom the origins belong to; return the origins' keys, and origin -> person.

    A merge may commit while we wait for its lock, so who an origin belongs to is read again under the lock. If somebody
    else has to be locked then, everything is let go and locked anew: taken one after the other, two writers who meet
    half-way would wait for each other.
    """
    wanted = set(origin_ids)
    roots = roots_of(wanted)
    while True:
        before = transaction.savepoint()
        subjects = evidence.lock(wanted | set(roots.values()), now=now)
        roots = roots_of(wanted)
        if subjects.keys() >= set(roots.values()):
            transaction.savepoint_commit(before)
            return subjects, roots
        transaction.savepoint_rollback(before)


def roots_of(origin_ids: Iterable[int]) -> dict[int, int]:
    wanted = list(origin_ids)
    return {origin_id: origin_id for origin_id in wanted} | resolve.roots(wanted)


def root_of(origin_id: int) -> int:
    return roots_of([origin_id])[origin_id]


def acts_of(profile_ids: Iterable[int], purposes: Iterable[str] | None = None) -> dict[int, dict[str, list[Act]]]:
    """Return every act of the people, by person and purpose: all entries of all their origins."""
    return acts_by(_ACTS, profile_ids, purposes)


def acts_behind(origin_ids: Iterable[int], purposes: Iterable[str]) -> dict[int, dict[str, list[Act]]]:
    """Return the same by origin, of whoever the origin belongs to as of this very statement.

    For a claim, which locks nobody: asked by person it would find nothing about one who was merged a moment ago, and
    take a refusal for silence.
    """
    return acts_by(_ACTS_BEHIND, origin_ids, purposes)


def acts_by(statement: str, ids: Iterable[int], purposes: Iterable[str] | None) -> dict[int, dict[str, list[Act]]]:
    wanted = None if purposes is None else sorted(purposes)
    found: dict[int, dict[str, list[Act]]] = defaultdict(lambda: defaultdict(list))
    with connection.cursor() as cursor:
        cursor.execute(statement, {"ids": array(set(ids)), "purposes": wanted})
        for root, purpose, entry, digest, operation, occurred_at, assurance, until, supersedes in cursor:
            act = Act(
                purpose=purpose,
                entry=entry,
                hash=bytes(digest),
                operation=Operation(operation),
                occurred_at=occurred_at,
                assurance=Assurance(assurance),
                until=until,
                supersedes=bytes(supersedes) if supersedes is not None else None,
            )
            found[root][purpose].append(act)
    return found


def refresh(
    *, profile_ids: Iterable[int], purposes: Iterable[str] | None, now: datetime, told: Mapping[int, int] | None = None
) -> frozenset[int]:
    """Compute where locked people stand, write what changed with their cards, touch them; return who changed.

    `purposes` may narrow it to what new entries are about; None computes everything, and drops what no longer holds.
    `told` are the new entries' origins and whose they are. The touch goes after them: whoever moves an origin and finds
    no consent locks nobody, and so does not wait for the entry that is being written.
    """
    people = sorted(set(profile_ids))
    found = acts_of(people, purposes)
    standings = {
        (person, purpose): stand(acts) for person, by_purpose in found.items() for purpose, acts in by_purpose.items()
    }
    changed = _write(standings)
    if purposes is None:
        changed |= _drop_all_but(people, standings.keys())
    if changed:
        write_cards({person for person, _ in changed}, now=now)
    if told:
        touches.touch_behind(origins=told, keys=map(key_of, purposes or ()), cause=Cause.CONSENT)
    else:
        _touch(changed)
    return frozenset(person for person, _ in changed)


def write_cards(profile_ids: Iterable[int], *, now: datetime) -> None:
    """Write the section of the people's cards from where they stand."""
    wanted = sorted(profile_ids)
    known = standings_of(wanted)
    card.write_section(
        SECTION,
        [
            (person, section.body(known.get(person, {}), now=now), section.until(known.get(person, {}), now=now))
            for person in wanted
        ],
    )


def expiries_of(profile_ids: Iterable[int], *, now: datetime) -> dict[int, datetime]:
    """Return when time alone changes where people stand, for those whom it will."""
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRIES, [array(profile_ids), now])
        return dict(cursor.fetchall())


def with_ended_cards(profile_ids: Iterable[int], *, now: datetime) -> set[int]:
    """Return whose card was written for a time that has passed; one that ran out long ago is written down already."""
    with connection.cursor() as cursor:
        cursor.execute(_ENDED, [array(profile_ids), SECTION, now])
        return {person for (person,) in cursor.fetchall()}


_EXPIRIES = """
SELECT profile_id, min(ending.at)
  FROM consent_state CROSS JOIN LATERAL (VALUES (until), (assured_until)) AS ending (at)
 WHERE profile_id = ANY(%s::bigint[]) AND (until IS NOT NULL OR assured_until IS NOT NULL) AND ending.at > %s
 GROUP BY 1
"""
_ENDED = "SELECT profile_id FROM card WHERE profile_id = ANY(%s::bigint[]) AND section = %s AND until <= %s"
_WITH_CONSENT = """
SELECT o.root_id FROM origin o JOIN consent_subject_key k ON k.origin_id = o.id WHERE o.root_id = ANY (%(people)s)
 UNION
SELECT s.profile_id FROM consent_state s JOIN origin o ON o.id = s.profile_id
 WHERE o.root_id = ANY (%(people)s) OR s.profile_id = ANY (%(people)s)
"""


def settle(*, profile_ids: Iterable[int], now: datetime) -> None:
    """Lock and compute everything about people whose origins changed hands or time is up, and those they were before.

    Their cards are written whether or not anything changed: only under the lock is it certain that no other writer's
    decision is missing. People who never said anything, under any of their origins, cost one look and leave no trace.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WITH_CONSENT, {"people": list(profile_ids)})
        known = {person for (person,) in cursor.fetchall()}
    if known:
        lock_people(known, now=now)
        unchanged = known - refresh(profile_ids=known, purposes=None, now=now)
        write_cards(unchanged, now=now)


def standings_of(profile_ids: Sequence[int]) -> Standings:
    """Return where the people stand, from the projection."""
    known: dict[int, dict[str, Standing]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT profile_id, purpose, {', '.join(_COLUMNS)} FROM consent_state"
            " WHERE profile_id = ANY (%s::bigint[])",
            [array(profile_ids)],
        )
        for person, purpose, *row in cursor:
            known[person][purpose] = _standing(purpose, dict(zip(_COLUMNS, row, strict=True)))
    return known


def standing_of(profile_id: int, purpose: str) -> Standing:
    return standings_of([profile_id]).get(profile_id, {}).get(purpose, NOWHERE)


def touch_purpose(*, purpose: str) -> None:
    """Have everybody looked at again who stands somewhere on a purpose: its terms changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO touched (lane, profile_id, keys, cause)"
            " SELECT profile_id %% %s, profile_id, %s, %s FROM consent_state WHERE purpose = %s",
            [LANES, [key_of(purpose)], Cause.VERSION.value, purpose],
        )


def key_of(purpose: str) -> str:
    return f"consent:{purpose}"


# `unnest` of two arrays pairs each purpose with its own end.
_ACTS = """
SELECT o.root_id, p.purpose, e.seq, e.hash, e.operation, e.occurred_at, e.assurance, p.until, e.supersedes
  FROM origin o JOIN consent_entry e ON e.origin_id = o.id
 CROSS JOIN LATERAL unnest(e.purposes, e.untils) AS p (purpose, until)
 WHERE o.root_id = ANY (%(ids)s::bigint[]) AND (%(purposes)s::text[] IS NULL OR p.purpose = ANY (%(purposes)s))
"""
_ACTS_BEHIND = """
SELECT asked.id, p.purpose, e.seq, e.hash, e.operation, e.occurred_at, e.assurance, p.until, e.supersedes
  FROM origin asked JOIN origin o USING (root_id) JOIN consent_entry e ON e.origin_id = o.id
 CROSS JOIN LATERAL unnest(e.purposes, e.untils) AS p (purpose, until)
 WHERE asked.id = ANY (%(ids)s::bigint[]) AND p.purpose = ANY (%(purposes)s)
"""

_COLUMNS = (
    "operation", "granted", "since", "until", "entry_id", "assurance",
    "assured_operation", "assured_granted", "assured_since", "assured_until", "assured_entry_id",
)  # fmt: skip
_UPSERT = f"""
INSERT INTO consent_state AS known (profile_id, purpose, {", ".join(_COLUMNS)})
SELECT profile_id, purpose, {", ".join(_COLUMNS)} FROM jsonb_populate_recordset(NULL::consent_state, %s)
 ORDER BY profile_id, purpose
    ON CONFLICT (profile_id, purpose) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)}
 WHERE (known.entry_id, known.assured_entry_id) IS DISTINCT FROM (excluded.entry_id, excluded.assured_entry_id)
RETURNING profile_id, purpose
"""


def _write(standings: Mapping[tuple[int, str], Standing]) -> set[tuple[int, str]]:
    rows = [as_row(person, purpose, standing) for (person, purpose), standing in standings.items() if standing.act]
    if not rows:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [orjson.dumps(rows).decode()])
        return set(cursor.fetchall())


def as_row(person: int, purpose: str, standing: Standing) -> dict[str, Any]:
    act, assured = standing.act, standing.assured
    assert act is not None
    return {
        "profile_id": person,
        "purpose": purpose,
        "operation": act.operation,
        "granted": act.operation is Operation.GRANT,
        "since": act.occurred_at,
        "until": act.until,
        "entry_id": act.entry,
        "assurance": act.assurance,
        "assured_operation": assured.operation if assured else None,
        "assured_granted": assured.operation is Operation.GRANT if assured else None,
        "assured_since": assured.occurred_at if assured else None,
        "assured_until": assured.until if assured else None,
        "assured_entry_id": assured.entry if assured else None,
    }


def _standing(purpose: str, row: Mapping[str, Any]) -> Standing:
    act = _act(purpose, row, "", assurance=Assurance(row["assurance"]))
    return Standing(
        act=act,
        assured=_act(purpose, row, "assured_", assurance=Assurance.SERVER) if row["assured_entry_id"] else None,
    )


def _act(purpose: str, row: Mapping[str, Any], kind: str, *, assurance: Assurance) -> Act:
    return Act(
        purpose=purpose,
        entry=row[f"{kind}entry_id"],
        hash=b"",
        operation=Operation(row[f"{kind}operation"]),
        occurred_at=row[f"{kind}since"],
        assurance=assurance,
        until=row[f"{kind}until"],
    )


def _drop_all_but(people: Sequence[int], kept: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """Drop states that rest on no entry any more: an origin left the person."""
    pairs = sorted(kept)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM consent_state WHERE profile_id = ANY(%s) AND (profile_id, purpose) NOT IN"
            " (SELECT * FROM unnest(%s::bigint[], %s::text[])) RETURNING profile_id, purpose",
            [list(people), [person for person, _ in pairs], [purpose for _, purpose in pairs]],
        )
        return set(cursor.fetchall())


def _touch(changed: Iterable[tuple[int, str]]) -> None:
    people_of: dict[str, list[int]] = defaultdict(list)
    for person, purpose in sorted(changed):
        people_of[purpose].append(person)
    for purpose, people in people_of.items():
        touches.touch(profile_ids=people, keys=[key_of(purpose)], cause=Cause.CONSENT)
