"""Write down what `matching` decided: new people, links, merges, moves. In the transaction that learned of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from cdp.copying import columns, copy_rows
from profiles.identity.matching import Assigned, Grouping, Seen
from profiles.models import Cause, LinkReason

LANES = 1024


def bucket_of(profile_id: int) -> int:
    """Return the share of the people, and hence the lane, that a profile belongs to."""
    return profile_id % LANES


@dataclass(frozen=True, slots=True)
class Merge:
    """Two people who are one from `now` on. The winner is the older profile."""

    winner_id: int
    loser_id: int
    now: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a regrouping was decided on, by origin."""

    types: Mapping[int, str]
    was: Mapping[int, int]  # those that had a profile until now
    reasons: Mapping[tuple[int, int], str]  # of the new sightings
    causes: Sequence[Seen]  # the new sightings
    first_of: Mapping[int, int]  # the event each new origin first came with


@dataclass(frozen=True, slots=True)
class Plan:
    """What a grouping means for the rows."""

    now: datetime
    evidence: Evidence
    root_of: Mapping[int, int]  # every origin looked at, to its profile from now on
    born: Sequence[int]  # profiles not seen before
    merges: Sequence[Merge]
    moved: Sequence[int]  # origins that leave their person without a merge
    refused: Sequence[Seen]

    @property
    def newcomers(self) -> dict[int, int]:
        return {origin: root for origin, root in self.root_of.items() if origin not in self.evidence.was}

    def joins(self, seen: Seen) -> bool:
        return self.root_of[seen.origin] == self.root_of[seen.other]


def plan(grouping: Grouping, assigned: Assigned, born: Mapping[int, int], evidence: Evidence, *, now: datetime) -> Plan:
    """Turn groups into profiles; `born` names the profile of every group that has none."""
    known = {group: profile for group, profile in assigned.profile_of.items() if profile is not None}
    profile_of = {**known, **born}
    root_of = {origin: profile_of[group] for origin, group in grouping.of.items()}
    winner_of = {loser: winner for winner, loser in assigned.merged}
    return Plan(
        now=now,
        evidence=evidence,
        root_of=root_of,
        born=sorted(born.values()),
        merges=[Merge(winner, loser, now) for winner, loser in assigned.merged],
        moved=[origin for origin, root in evidence.was.items() if root_of[origin] != winner_of.get(root, root)],
        refused=grouping.refused,
    )


def apply(cursor: Any, plan: Plan) -> None:
    """Write the plan; everybody who loses or gains an origin is locked first, in one order for all."""
    _lock(cursor, plan)
    profiles = [(profile, bucket_of(profile)) for profile in plan.born]
    copy_rows(cursor, "profile", ("id", "bucket", "created_at"), [(*profile, plan.now) for profile in profiles])
    origins = [(profile, profile, bucket) for profile, bucket in profiles]
    origins += [(origin, root, bucket_of(root)) for origin, root in sorted(plan.newcomers.items())]
    copy_rows(cursor, "origin", ("id", "root_id", "bucket"), origins)
    copy_rows(cursor, "link", _LINK, [*_births(plan), *_refusals(plan)])
    _merge(cursor, plan)
    _move(cursor, plan)
    _touch(cursor, plan)


def _lock(cursor: Any, plan: Plan) -> None:
    people = {merge.loser_id for merge in plan.merges} | {merge.winner_id for merge in plan.merges}
    people |= {plan.evidence.was[origin] for origin in plan.moved} | {plan.root_of[origin] for origin in plan.moved}
    known = sorted(people - set(plan.born))
    if known:
        cursor.execute("SELECT id FROM profile WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [known])
        cursor.execute(_LOCK_ORIGINS, {"losers": [merge.loser_id for merge in plan.merges], "moved": list(plan.moved)})


def _births(plan: Plan) -> Iterable[tuple[object, ...]]:
    for profile in plan.born:
        yield profile, profile, plan.now, None, None, LinkReason.BORN.value
    joined_by = _joined_by(plan)
    for origin, root in plan.newcomers.items():
        seen = joined_by.get(origin)
        reason = plan.evidence.reasons[seen.origin, seen.other] if seen else LinkReason.BORN.value
        yield origin, root, plan.now, None, plan.evidence.first_of[origin], reason


def _refusals(plan: Plan) -> Iterable[tuple[object, ...]]:
    """Spell the refused joins as periods that never were: each is told once, when it is seen."""
    for seen in plan.refused:
        if (seen.origin, seen.other) in plan.evidence.reasons:
            yield seen.origin, plan.root_of[seen.other], plan.now, plan.now, seen.event_id, LinkReason.REFUSED.value


def _joined_by(plan: Plan) -> dict[int, Seen]:
    """Return the new sighting that joined each origin to its group, where one did."""
    joining = [seen for seen in plan.evidence.causes if plan.joins(seen)]
    return {origin: seen for seen in joining for origin in (seen.other, seen.origin)}


def _merge(cursor: Any, plan: Plan) -> None:
    if not plan.merges:
        return
    rows = [(merge.winner_id, merge.loser_id, plan.now, *_told(plan, seen)) for merge, seen in _why(plan)]
    copy_rows(cursor, "merge", _MERGE_ROW, rows)
    winners, losers, _, events, _, reasons = columns(rows)
    facts = {"winners": winners, "losers": losers, "events": events, "reasons": reasons, "now": plan.now}
    for statement in _MERGE:
        cursor.execute(statement, facts)
    for merge in plan.merges:
        for step in _steps(tuple(settings.MERGE_STEPS)):
            step(merge)


def _why(plan: Plan) -> Iterable[tuple[Merge, Seen | None]]:
    """Pair every merge with the sighting on whose word it happened: of the group's new ones, one naming the loser."""
    was = plan.evidence.was
    naming: dict[int, Seen] = {}
    of_group: dict[int, Seen] = {}
    for seen in plan.evidence.causes:
        if plan.joins(seen):
            of_group[plan.root_of[seen.origin]] = seen
            naming |= {was[origin]: seen for origin in (seen.origin, seen.other) if origin in was}
    for merge in plan.merges:
        yield merge, naming.get(merge.loser_id) or of_group.get(merge.winner_id)


def _told(plan: Plan, seen: Seen | None) -> tuple[int | None, str, str]:
    if seen is None:
        return None, "", ""
    return seen.event_id, plan.evidence.types[seen.origin], plan.evidence.reasons[seen.origin, seen.other]


@cache
def _steps(paths: tuple[str, ...]) -> tuple[Callable[[Merge], None], ...]:
    return tuple(import_string(path) for path in paths)


def _move(cursor: Any, plan: Plan) -> None:
    joined_by = _joined_by(plan)
    for origin in sorted(plan.moved):
        root, seen = plan.root_of[origin], joined_by.get(origin)
        facts = {
            "origin": origin,
            "root": root,
            "bucket": bucket_of(root),
            "now": plan.now,
            "event": seen.event_id if seen else None,
            "reason": LinkReason.MOVED.value,
        }
        for statement in _MOVE:
            cursor.execute(statement, facts)


def _touch(cursor: Any, plan: Plan) -> None:
    everything = dict.fromkeys(plan.born, Cause.EVENT.value)
    for origin in plan.moved:
        everything[plan.evidence.was[origin]] = everything[plan.root_of[origin]] = Cause.MERGE.value
    everything |= {merge.winner_id: Cause.MERGE.value for merge in plan.merges}
    rows = [(bucket_of(profile), profile, "{*}", cause) for profile, cause in everything.items()]
    for origin, root in plan.newcomers.items():
        if root not in everything:
            key = f"{{identifier:{plan.evidence.types[origin]}}}"
            rows.append((bucket_of(root), root, key, Cause.EVENT.value))
    copy_rows(cursor, "touched", ("lane", "profile_id", "keys", "cause"), rows)


_LINK = ("origin_id", "root_id", "recorded_from", "recorded_to", "event_id", "reason")
_MERGE_ROW = ("winner_id", "loser_id", "at", "event_id", "identifier_type", "reason")
# In the order of ids, as a claim does it, and before any step of another app locks rows of its own.
_LOCK_ORIGINS = """
SELECT id FROM origin WHERE root_id = ANY(%(losers)s::bigint[]) OR id = ANY(%(moved)s::bigint[])
 ORDER BY id FOR NO KEY UPDATE
"""
_MERGED = "unnest(%(winners)s::bigint[], %(losers)s::bigint[]) AS merged (winner, loser)"
_MERGE = (
    """WITH merged AS (SELECT * FROM unnest(%(winners)s::bigint[], %(losers)s::bigint[], %(events)s::bigint[],
                                            %(reasons)s::text[]) AS merged (winner, loser, event_id, reason)),
            closed AS (UPDATE link SET recorded_to = %(now)s FROM merged JOIN origin ON origin.root_id = merged.loser
                        WHERE recorded_to IS NULL AND link.origin_id = origin.id
                    RETURNING link.origin_id, merged.winner, merged.event_id, merged.reason)
       INSERT INTO link (origin_id, root_id, recorded_from, event_id, reason)
       SELECT origin_id, winner, %(now)s, event_id, reason FROM closed""",
    f"UPDATE origin SET root_id = winner, bucket = winner %% {LANES} FROM {_MERGED} WHERE root_id = loser",
    f"UPDATE profile SET merged_into = winner, traits = '{{}}' FROM {_MERGED} WHERE id = loser OR merged_into = loser",
    "DELETE FROM trait WHERE profile_id = ANY(%(losers)s::bigint[])",
    "DELETE FROM due WHERE profile_id = ANY(%(losers)s::bigint[])",
    "DELETE FROM card WHERE profile_id = ANY(%(losers)s::bigint[]) AND section = 'profile'",
)
_MOVE = (
    "UPDATE link SET recorded_to = %(now)s WHERE recorded_to IS NULL AND origin_id = %(origin)s",
    """INSERT INTO link (origin_id, root_id, recorded_from, event_id, reason)
       VALUES (%(origin)s, %(root)s, %(now)s, %(event)s, %(reason)s)""",
    "UPDATE origin SET root_id = %(root)s, bucket = %(bucket)s WHERE id = %(origin)s",
)
