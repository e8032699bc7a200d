"""Bring everybody under a rule that went live: a job in batches, restartable, each through the verbs that events use.

    marks      which identifiers are nobody's now, and which are somebody's again
    traits     what the traits of the past say under this rule is learned
    people     everybody who was ever seen with somebody is grouped again

Each batch is a transaction of its own and does the same however often it is done; the job notes how far it came. Where
yet another rule goes live meanwhile, this job ends and that rule's goes on from the beginning.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from cdp.copying import array
from cdp.models import Job
from cdp.models.job import JobState
from profiles.identity import history, resolve, rules
from profiles.identity.regrouping import Said
from profiles.identity.resolve import Change
from profiles.identity.rule import IdentityRule
from profiles.identity.rules import RuleChanged
from profiles.models import Cause, LinkReason

KIND = "identity_rule"
BATCH = 1_000
_LEASE = timedelta(minutes=5)
_SHARE_SECONDS = 20.0
_MARKS, _TRAITS, _PEOPLE = "marks", "traits", "people"
_STAGES = (_MARKS, _TRAITS, _PEOPLE)


def request(*, version: int, by: Any, now: datetime) -> Job:
    """Ask for everybody to be brought under the rule of this version; 0 is the default."""
    arguments = {"version": version, "stage": _MARKS, "after": 0}
    return Job.objects.create(kind=KIND, arguments=arguments, created_by=by, created_at=now)


def run_next(*, now: datetime, batch: int = BATCH) -> bool:
    """Work on the oldest open job for a share of time; say whether there is more to do."""
    job = _claim(now=now)
    if job is None:
        return False
    until = time.monotonic() + _SHARE_SECONDS
    while True:
        rule = rules.live_rule()
        if rule.version != job.arguments["version"]:
            _finish(job, now=now, result={"superseded": True})
            return True
        try:
            has_more = _advance(job, rule, batch=batch)
        except RuleChanged:
            continue  # at this very moment: found above
        if not has_more:
            _finish(job, now=now, result={"looked_at": job.done})
            return True
        if time.monotonic() > until:
            Job.objects.filter(pk=job.pk).update(leased_until=None, state=JobState.QUEUED)
            return True


@transaction.atomic
def _claim(*, now: datetime) -> Job | None:
    due = Q(state=JobState.QUEUED) | Q(state=JobState.RUNNING, leased_until__lt=now)
    job = Job.objects.select_for_update(skip_locked=True).filter(due, kind=KIND).order_by("id").first()
    if job is not None:
        job.state, job.leased_until, job.attempts = JobState.RUNNING, now + _LEASE, min(job.attempts + 1, 1_000)
        job.save(update_fields=["state", "leased_until", "attempts"])
    return job


@transaction.atomic
def _advance(job: Job, rule: IdentityRule, *, batch: int) -> bool:
    """Do the next batch and note it in the same transaction; say whether there was anything left to do."""
    work: dict[str, Callable[[Any, IdentityRule, int, int], Sequence[int]]] = {
        _MARKS: _mark, _TRAITS: _learn, _PEOPLE: _regroup,
    }  # fmt: skip
    stage, after = job.arguments["stage"], job.arguments["after"]
    with connection.cursor() as cursor:
        done = work[stage](cursor, rule, after, batch)
    if done:
        job.arguments["after"] = done[-1]
        job.done += len(done)
    elif stage == _STAGES[-1]:
        return False
    else:
        job.arguments |= {"stage": _STAGES[_STAGES.index(stage) + 1], "after": 0}
    Job.objects.filter(pk=job.pk).update(arguments=job.arguments, done=job.done)
    return True


def _finish(job: Job, *, now: datetime, result: dict[str, Any]) -> None:
    Job.objects.filter(pk=job.pk).update(state=JobState.DONE, finished_at=now, leased_until=None, result=result)


def _mark(cursor: Any, rule: IdentityRule, after: int, batch: int) -> Sequence[int]:
    cursor.execute(_IDENTIFIERS, [after, batch])
    rows = cursor.fetchall()
    changed = {True: [], False: []}  # type: dict[bool, list[int]]
    for origin, type, value, is_blocked in rows:
        if rule.blocks(type, value) != is_blocked:
            changed[not is_blocked].append(origin)
    for is_blocked, origins in changed.items():
        if origins:
            cursor.execute(_MARK, [is_blocked, array(sorted(origins))])
    return [row[0] for row in rows]


def _learn(cursor: Any, rule: IdentityRule, after: int, batch: int) -> Sequence[int]:
    if not rule.by_trait:
        return ()
    origins = history.origins_after(cursor, after, traits=rule.by_trait, limit=batch)
    told = history.told_by(cursor, origins, rule=rule)
    if told.names:
        resolve.learn_all(names=told.names, together=told.together, rule=rule)
    return origins


def _regroup(cursor: Any, rule: IdentityRule, after: int, batch: int) -> Sequence[int]:
    now = resolve.take_turn(cursor)
    cursor.execute(_PEOPLE_SEEN, [after, batch])
    people = [person for (person,) in cursor.fetchall()]
    if people:
        cursor.execute("SELECT id FROM origin WHERE root_id = ANY(%s::bigint[])", [array(people)])
        origins = [origin for (origin,) in cursor.fetchall()]
        said = Said(LinkReason.RULE, Cause.MERGE, _called(rule))
        resolve.regroup(cursor, Change(affected=origins, said=said), now=now)
    return people


def _called(rule: IdentityRule) -> str:
    return f"identity rule {rule.version}" if rule.version else "the default identity rule"


_IDENTIFIERS = """
SELECT origin_id, type, value, is_blocked FROM identifier WHERE origin_id > %s ORDER BY origin_id LIMIT %s
"""
_MARK = "UPDATE identifier SET is_blocked = %s WHERE origin_id = ANY(%s::bigint[])"
# Whoever was never seen with anybody is who they are under every rule.
_PEOPLE_SEEN = """
SELECT DISTINCT root_id FROM origin JOIN sighting ON sighting.origin_id = origin.id
 WHERE root_id > %s ORDER BY root_id LIMIT %s
"""
