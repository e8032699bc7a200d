"""What waits for a person: requests that failed five times, and people whose evaluation fails by itself.

Both are out of everybody's way and nothing about them is lost. Once the cause is mended they are taken up again, from
the admin; what fails once more is parked once more.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from cdp import access
from cdp.access import Actor
from cdp.models import User
from profiles.ingest import doorbell
from profiles.ingest.leases import MOST_ATTEMPTS

_TAKE_UP = """
UPDATE inbox SET state = 0, attempts = 0, lease = NULL, leased_until = NULL
 WHERE state = 2 AND (%(all)s OR id = ANY(%(requests)s::bigint[])) RETURNING id
"""
_TRY_AGAIN = """
WITH released AS (
    DELETE FROM parked_touch WHERE %(all)s OR profile_id = ANY(%(people)s::bigint[]) RETURNING profile_id, keys, cause),
queued AS (
    INSERT INTO touched (lane, profile_id, keys, cause)
    SELECT profile_id %% 1024, profile_id, keys, cause FROM released)
SELECT DISTINCT profile_id FROM released ORDER BY 1
"""
_NAMED_IN_THE_RECORD = 100


def advice(*, error: str) -> str:
    """Say what to do about a parked request, given what is known of its failure."""
    if error.startswith("The worker died"):
        return (
            f"Its worker was killed {MOST_ATTEMPTS} times while at it, as a rule because memory ran out. Look at the "
            "worker's log around these times, give the worker more memory or install a release that mends it, "
            "then send the request through again."
        )
    return (
        f"The product itself failed with it {MOST_ATTEMPTS} times, at the place that the error names; what was sent is "
        "not to blame and is kept as it came. Install a release that mends it, or undo what was changed last "
        "(a gate, a plan, a rule), then send the request through again."
    )


def take_up(*, requests: Sequence[int], by: User, now: datetime) -> int:
    """Have these parked requests stored like any other; return how many of them were parked."""
    return _take_up({"all": False, "requests": list(requests)}, by=by, now=now)


def take_up_all(*, by: User, now: datetime) -> int:
    """Have every parked request stored like any other; return how many there were."""
    return _take_up({"all": True, "requests": []}, by=by, now=now)


@transaction.atomic
def _take_up(facts: dict[str, Any], *, by: User, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_UP, facts)
        taken = sorted(request for (request,) in cursor.fetchall())
    if taken:
        named = taken[:_NAMED_IN_THE_RECORD]
        _record("request.replay", by=by, now=now, basis={"requests": named, "count": len(taken)})
        transaction.on_commit(doorbell.ring)
    return len(taken)


def try_again(*, people: Sequence[int], by: User, now: datetime) -> int:
    """Have these parked people evaluated now and not when their pause is over; return how many were parked."""
    return _try_again({"all": False, "people": list(people)}, by=by, now=now)


def try_everybody_again(*, by: User, now: datetime) -> int:
    """Have everybody who is parked evaluated now; return how many they are."""
    return _try_again({"all": True, "people": []}, by=by, now=now)


@transaction.atomic
def _try_again(facts: dict[str, Any], *, by: User, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_TRY_AGAIN, facts)
        released = [profile for (profile,) in cursor.fetchall()]
    if released:
        _record("evaluation.replay", by=by, now=now, people=released, basis={"count": len(released)})
        transaction.on_commit(doorbell.ring)
    return len(released)


def _record(action: str, *, by: User, now: datetime, basis: dict[str, object], people: Sequence[int] = ()) -> None:
    access.record(
        actor=Actor.person(by), action=action, profile_ids=people, purpose="", fields=(), now=now, basis=basis
    )
