"""Write down what was decided about who is who, in the transaction that decided it."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from cdp.copying import array, columns, copy_rows
from profiles.identity.matching import Seen
from profiles.identity.regrouping import LANES, Merge, Plan, bucket_of
from profiles.models import Cause, LinkReason


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
    _note_bars(cursor, plan)
    _touch(cursor, plan)
    for merge in (*plan.merges, *plan.back):
        for step in _steps(tuple(settings.MERGE_STEPS)):
            step(merge)


def _lock(cursor: Any, plan: Plan) -> None:
    people = {merge.loser_id for merge in plan.merges} | {merge.winner_id for merge in plan.merges}
    people |= {plan.was[origin] for origin in plan.moved} | {plan.root_of[origin] for origin in plan.moved}
    people |= {merge.loser_id for merge in plan.back}
    known = sorted(people - set(plan.born))
    if known:
        cursor.execute("SELECT id FROM profile WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [known])
        cursor.execute(_LOCK_ORIGINS, {"losers": [merge.loser_id for merge in plan.merges], "moved": list(plan.moved)})


def _births(plan: Plan) -> Iterable[tuple[object, ...]]:
    for profile in plan.born:
        yield profile, profile, plan.now, None, None, LinkReason.BORN.value, ""
    joined_by = plan.joined_by()
    for origin, root in plan.newcomers.items():
        seen = joined_by.get(origin)
        reason = plan.evidence.reasons[seen.origin, seen.other] if seen else LinkReason.BORN.value
        yield origin, root, plan.now, None, plan.evidence.first_of[origin], reason, ""


def _refusals(plan: Plan) -> Iterable[tuple[object, ...]]:
    """Spell the refused joins as periods that never were: each is told once, when it is seen."""
    barred = {(bar.seen.origin, bar.seen.other): bar.reason.value for bar in plan.barred}
    for seen in plan.refused:
        pair = seen.origin, seen.other
        if pair in plan.evidence.reasons:
            reason = barred.get(pair, LinkReason.REFUSED.value)
            yield seen.origin, plan.root_of[seen.other], plan.now, plan.now, seen.event_id, reason, ""


def _merge(cursor: Any, plan: Plan) -> None:
    if not plan.merges:
        return
    rows = [(merge.winner_id, merge.loser_id, plan.now, *_told(plan, seen)) for merge, seen in plan.why()]
    copy_rows(cursor, "merge", _MERGE_ROW, rows)
    winners, losers, _, events, _, reasons, by = columns(rows)
    facts = {"winners": winners, "losers": losers, "events": events, "reasons": reasons, "by": by, "now": plan.now}
    for statement in _MERGE:
        cursor.execute(statement, facts)


def _told(plan: Plan, seen: Seen | None) -> tuple[int | None, str, str, str]:
    if plan.evidence.said is not None:
        return None, "", plan.evidence.said.reason.value, plan.evidence.said.decided_by
    if seen is None:
        return None, "", "", ""
    return seen.event_id, plan.types[seen.origin], plan.evidence.reasons[seen.origin, seen.other], ""


@cache
def _steps(paths: tuple[str, ...]) -> tuple[Callable[[Merge], None], ...]:
    return tuple(import_string(path) for path in paths)


def _move(cursor: Any, plan: Plan) -> None:
    back = [merge.loser_id for merge in plan.back]
    if back:
        cursor.execute("UPDATE profile SET merged_into = NULL WHERE id = ANY(%s)", [back])
    if not plan.moved:
        return
    said, joined_by = plan.evidence.said, plan.joined_by()
    reason, by = (said.reason.value, said.decided_by) if said else (LinkReason.MOVED.value, "")
    moved = sorted(plan.moved)
    origins, roots, events = columns(
        (origin, plan.root_of[origin], seen.event_id if (seen := joined_by.get(origin)) else None) for origin in moved
    )
    facts = {"origins": origins, "roots": roots, "events": events, "now": plan.now, "reason": reason, "by": by}
    for statement in _MOVE:
        cursor.execute(statement, facts)
    if back:
        cursor.execute(_DUE_NOW, {"people": array({*back, *(merge.winner_id for merge in plan.back)}), "now": plan.now})


def _note_bars(cursor: Any, plan: Plan) -> None:
    """Keep what is barred now, as this grouping found it, for the next one to look at again and for people to see."""
    if not plan.barred and not plan.evidence.around.has_bars:
        return
    bars = sorted(plan.barred, key=lambda bar: (bar.seen.origin, bar.seen.other))
    rows = [
        (bar.seen.origin, bar.seen.other, bar.reason.value, bar.kind, bar.most, bar.seen.seen_at, bar.seen.event_id)
        for bar in bars
    ]
    spelled = columns(rows) if rows else ["{}"] * 7
    everybody = array(plan.types)
    cursor.execute(_DROP_BARS, [everybody, everybody, spelled[0], spelled[1]])
    if rows:
        cursor.execute(_WRITE_BARS, [plan.now, *spelled])


def _touch(cursor: Any, plan: Plan) -> None:
    cause = plan.evidence.said.cause.value if plan.evidence.said else Cause.MERGE.value
    everything = dict.fromkeys(plan.born, Cause.EVENT.value)
    for origin in plan.moved:
        everything[plan.was[origin]] = everything[plan.root_of[origin]] = cause
    everything |= {merge.winner_id: Cause.MERGE.value for merge in plan.merges}
    rows = [(bucket_of(profile), profile, "{*}", cause) for profile, cause in everything.items()]
    for origin, root in plan.newcomers.items():
        if root not in everything:
            key = f"{{identifier:{plan.types[origin]}}}"
            rows.append((bucket_of(root), root, key, Cause.EVENT.value))
    copy_rows(cursor, "touched", ("lane", "profile_id", "keys", "cause"), rows)


_LINK = ("origin_id", "root_id", "recorded_from", "recorded_to", "event_id", "reason", "decided_by")
_MERGE_ROW = ("winner_id", "loser_id", "at", "event_id", "identifier_type", "reason", "decided_by")
# In the order of ids, as a claim does it, and before any step of another app locks rows of its own.
_LOCK_ORIGINS = """
SELECT id FROM origin WHERE root_id = ANY(%(losers)s::bigint[]) OR id = ANY(%(moved)s::bigint[])
 ORDER BY id FOR NO KEY UPDATE
"""
_MERGED = "unnest(%(winners)s::bigint[], %(losers)s::bigint[]) AS merged (winner, loser)"
_MERGE = (
    """WITH merged AS (SELECT * FROM unnest(%(winners)s::bigint[], %(losers)s::bigint[], %(events)s::bigint[],
                                            %(reasons)s::text[], %(by)s::text[])
                                  AS merged (winner, loser, event_id, reason, decided_by)),
            closed AS (UPDATE link SET recorded_to = %(now)s FROM merged JOIN origin ON origin.root_id = merged.loser
                        WHERE recorded_to IS NULL AND link.origin_id = origin.id
                    RETURNING link.origin_id, winner, merged.event_id, merged.reason, merged.decided_by)
       INSERT INTO link (origin_id, root_id, recorded_from, event_id, reason, decided_by)
       SELECT origin_id, winner, %(now)s, event_id, reason, decided_by FROM closed""",
    f"UPDATE origin SET root_id = winner, bucket = winner %% {LANES} FROM {_MERGED} WHERE root_id = loser",
    f"UPDATE profile SET merged_into = winner, traits = '{{}}' FROM {_MERGED} WHERE id = loser OR merged_into = loser",
    "DELETE FROM trait WHERE profile_id = ANY(%(losers)s::bigint[])",
    "DELETE FROM due WHERE profile_id = ANY(%(losers)s::bigint[])",
    "DELETE FROM card WHERE profile_id = ANY(%(losers)s::bigint[]) AND section = 'profile'",
)
_MOVED = "unnest(%(origins)s::bigint[], %(roots)s::bigint[]) AS moved (origin, root)"
_MOVE = (
    "UPDATE link SET recorded_to = %(now)s WHERE recorded_to IS NULL AND origin_id = ANY(%(origins)s::bigint[])",
    """INSERT INTO link (origin_id, root_id, recorded_from, event_id, reason, decided_by)
       SELECT origin, root, %(now)s, event_id, %(reason)s, %(by)s
         FROM unnest(%(origins)s::bigint[], %(roots)s::bigint[], %(events)s::bigint[]) AS moved (origin, root, event_id)
        ORDER BY origin""",
    f"UPDATE origin SET root_id = root, bucket = root %% {LANES} FROM {_MOVED} WHERE id = origin",
    # A profile's own origin: whoever was part of a profile that is a person again is part of that one.
    f"UPDATE profile SET merged_into = root FROM {_MOVED} WHERE id = origin AND id <> root",
)
# Their lanes will look at them at once; whoever reads them before that evaluates them first.
_DUE_NOW = f"""
INSERT INTO due (profile_id, bucket, due_at)
SELECT id, id %% {LANES}, %(now)s FROM unnest(%(people)s::bigint[]) AS given (id) ORDER BY id
    ON CONFLICT (profile_id) DO UPDATE SET due_at = least(due.due_at, excluded.due_at)
"""
_DROP_BARS = """
DELETE FROM refused_join
 WHERE origin_id = ANY(%s::bigint[]) AND with_origin_id = ANY(%s::bigint[])
   AND (origin_id, with_origin_id) NOT IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[]))
"""
_WRITE_BARS = """
INSERT INTO refused_join AS known (recorded_at, origin_id, with_origin_id, reason, kind, most, seen_at, event_id)
SELECT %s::timestamptz, given.*
  FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::int[], %s::timestamptz[], %s::bigint[]) AS given
    ON CONFLICT (origin_id, with_origin_id) DO UPDATE
   SET reason = excluded.reason, kind = excluded.kind, most = excluded.most, seen_at = excluded.seen_at,
       event_id = excluded.event_id, recorded_at = excluded.recorded_at
 WHERE (known.reason, known.kind, known.most, known.event_id)
       IS DISTINCT FROM (excluded.reason, excluded.kind, excluded.most, excluded.event_id)
"""
