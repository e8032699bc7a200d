"""Walk everybody once for every epoch that is not ready, by ascending id, a chunk per transaction.

    1 read which epochs wait, and take the furthest behind        (their segment's latest only: an older one is over)
    2 take the next people after it, up to where the next epoch ahead waits; from there they go on together
    3 judge them as their lane would: their locks, then the rule lock, then the lane's own statement
    4 note how far it came; after the last person, ready by compare-and-set

It does not go through `touched`, so twenty thousand people are ten statements instead of sixty thousand queue rows. A
crash costs the transaction of one chunk. An epoch that dies between 1 and 3 has judged nobody: the lane's statement
compiles what is live under the lock, and the successor starts from the first person again. A person who is created
after the publication commits is judged whole by their first evaluation; one created before it is found here.

Whoever is not reached yet stands as the version before left them. Called off, an epoch waits no more, and its segment's
answers say that they are stale; taken up again, it goes on behind the last person it judged (`backfill_control`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from profiles import lanes
from profiles.models import Cause
from segments import rulebook
from segments.catalogue import load_catalogue
from segments.dependencies import is_current
from segments.models import EpochStatus, RuleEpoch

PEOPLE_PER_CHUNK = 2_000
_ONE_RUNNER = 0x5E67_0002


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next people, and the epochs that wait exactly before them. `is_last`: nobody comes after."""

    epochs: tuple[RuleEpoch, ...]
    people: tuple[int, ...]
    is_last: bool


@transaction.atomic
def advance(*, now: datetime) -> bool:
    """Do the next chunk; say whether there was one. Of several callers at once one works, the others leave."""
    if not _is_only_runner():
        return False
    chunk = _next_chunk()
    if chunk is None:
        return False
    _begin(chunk.epochs, now=now)
    keys = [rulebook.segment_key(row.segment.key) for row in chunk.epochs]
    lanes.evaluate_now(profile_ids=chunk.people, keys=keys, cause=Cause.BACKFILL)
    if chunk.people:
        RuleEpoch.objects.filter(pk__in=[row.pk for row in chunk.epochs]).update(
            after_id=chunk.people[-1], judged=F("judged") + len(chunk.people)
        )
    finished = _finish(chunk.epochs, now=now) if chunk.is_last else 0
    return bool(chunk.people or finished or not chunk.is_last)


def waiting() -> list[RuleEpoch]:
    """The epochs that are not ready, without those that are over, whatever their rows say."""
    rows = RuleEpoch.objects.latest_per_segment().select_related("segment", "version__head")
    # Where only thresholds moved, nobody but who lies between has to be judged again: `thresholds.moving` sees to it.
    return [row for row in rows if row.status == EpochStatus.BACKFILLING and row.moved is None]


def _next_chunk() -> Chunk | None:
    epochs = waiting()
    if not epochs:
        return None
    after, *ahead = sorted({row.after_id for row in epochs})
    at_hand = tuple(row for row in epochs if row.after_id == after)
    people = _people(after, until=ahead[0] if ahead else None, members_of=_gone(at_hand))
    is_last = len(people) < PEOPLE_PER_CHUNK and not ahead
    if not people and ahead:  # nobody in between: catch up with the next one
        RuleEpoch.objects.filter(pk__in=[row.pk for row in at_hand]).update(after_id=ahead[0])
    return Chunk(at_hand, people, is_last)


def _begin(epochs: Sequence[RuleEpoch], *, now: datetime) -> None:
    """Count once how many there are to judge, so that progress has an end."""
    fresh = [row.pk for row in epochs if row.started_at is None]
    if fresh:
        conditions, bounds = _there_are(members_of=_gone(epochs))
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM profile p WHERE {conditions}", bounds)
            (people,) = cursor.fetchone()
        RuleEpoch.objects.filter(pk__in=fresh).update(people=people, started_at=now)


def _gone(epochs: Sequence[RuleEpoch]) -> list[int] | None:
    """Where rules only went away, their members are all there is to look at."""
    return [row.segment_id for row in epochs] if all(row.version_id is None for row in epochs) else None


def _people(after: int, *, until: int | None, members_of: list[int] | None) -> tuple[int, ...]:
    conditions, bounds = _there_are(members_of=members_of)
    conditions += " AND p.id > %(after)s" + (" AND p.id <= %(until)s" if until is not None else "")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT p.id FROM profile p WHERE {conditions} ORDER BY p.id LIMIT {PEOPLE_PER_CHUNK}",
            bounds | {"after": after, "until": until},
        )
        return tuple(profile_id for (profile_id,) in cursor.fetchall())


def _there_are(*, members_of: list[int] | None) -> tuple[str, dict[str, Any]]:
    """Everybody there is to judge, as conditions over a profile `p`."""
    conditions = "p.merged_into IS NULL"
    if members_of is not None:
        conditions += (
            " AND EXISTS (SELECT FROM membership m WHERE m.segment_id = ANY (%(members_of)s) AND m.profile_id = p.id"
            " AND m.left_at IS NULL)"
        )
    return conditions, {"members_of": members_of}


def _finish(epochs: Sequence[RuleEpoch], *, now: datetime) -> int:
    """Ready, where the rule still depends on what it was published under; elsewhere republishing starts a new epoch."""
    catalogue = load_catalogue()
    latest = {row.pk for row in waiting()}
    ready = [row.pk for row in epochs if row.pk in latest and is_current(row, catalogue=catalogue)]
    still = RuleEpoch.objects.filter(pk__in=ready, status=EpochStatus.BACKFILLING)
    return still.update(status=EpochStatus.READY, ready_at=now)


def _is_only_runner() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ONE_RUNNER])
        (alone,) = cursor.fetchone()
    return bool(alone)
