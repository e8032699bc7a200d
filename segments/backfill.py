"""Walk everybody once for every epoch that is not ready, some lanes at a time.

    1 take the next lanes, waiting for whoever holds one       (the same locks in the same order as a lane's own work)
    2 hold the rule lock, shared; read which epochs wait here   (never one that is over)
    3 judge the people of these lanes, by the lane's own statement
    4 note how far it came; after the last lane, ready by compare-and-set

It holds the lanes' locks itself instead of leaving `touched` rows to them: twenty thousand people are then ten
statements instead of a thousand, while an event in a held lane waits for one chunk at most. Rules published together are
judged together. A crash costs the transaction of one chunk and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from profiles import lanes
from profiles.lanes import LaneBatch, Touch
from profiles.models import Cause
from segments import memberships, rulebook
from segments.catalogue import load_catalogue
from segments.dependencies import is_current
from segments.models import EpochStatus, RuleEpoch

LANES = 1024
PEOPLE_PER_CHUNK = 2_000
_ONE_RUNNER = 0x5E67_0002


@dataclass(frozen=True, slots=True)
class Stretch:
    """The lanes `[first, end)`."""

    first: int
    end: int


@transaction.atomic
def advance() -> bool:
    """Do the next chunk; say whether there was one. Several callers do not do it twice: one works, the others leave."""
    if not _is_only_runner():
        return False
    stretch = _next_stretch(_pending())
    if stretch is None:
        return False
    lanes_held(stretch)
    rulebook.hold()
    epochs = [row for row in _pending() if row.next_lane == stretch.first]
    _judge(stretch, epochs)
    _note(epochs, stretch)
    return True


def _pending() -> list[RuleEpoch]:
    """Epochs to walk for: their segment's latest only. An older one is over, whatever its row says."""
    rows = RuleEpoch.objects.latest_per_segment().select_related("segment", "version__head")
    return [row for row in rows if row.status == EpochStatus.BACKFILLING]


def _next_stretch(pending: Sequence[RuleEpoch]) -> Stretch | None:
    """From the epoch that is furthest behind up to the next one ahead, from where they go on together."""
    if not pending:
        return None
    positions = sorted({row.next_lane for row in pending})
    first, ahead = positions[0], positions[1:] or [LANES]
    return Stretch(first, min(first + _lanes_per_chunk(), ahead[0], LANES))


def _lanes_per_chunk() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'profile'::regclass")
        (people,) = cursor.fetchone()
        if people < PEOPLE_PER_CHUNK:  # never analysed, or so few that counting is cheap
            cursor.execute("SELECT count(*) FROM profile")
            (people,) = cursor.fetchone()
    return max(1, min(LANES, int(LANES * PEOPLE_PER_CHUNK / max(people, 1))))


def _judge(stretch: Stretch, epochs: Sequence[RuleEpoch]) -> None:
    if not epochs:
        return
    keys = frozenset(rulebook.segment_key(row.segment.key) for row in epochs)
    only_members = all(row.version_id is None for row in epochs)
    people = _people(stretch, members_of=[row.segment_id for row in epochs] if only_members else None)
    if people:
        touch = Touch(keys=keys, causes=(Cause.BACKFILL,))
        lanes.judge(dict.fromkeys(people, touch))


def _people(stretch: Stretch, *, members_of: Sequence[int] | None) -> list[int]:
    """Everybody in these lanes, or, where rules only went away, their members."""
    condition = "" if members_of is None else (
        "AND EXISTS (SELECT FROM membership m WHERE m.profile_id = p.id AND m.left_at IS NULL"
        " AND m.segment_id = ANY (%(segments)s))"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.id FROM profile p WHERE p.bucket >= %(first)s AND p.bucket < %(end)s AND p.merged_into IS NULL "
            + condition,
            {"first": stretch.first, "end": stretch.end, "segments": members_of},
        )
        return [profile_id for (profile_id,) in cursor.fetchall()]


def _note(epochs: Sequence[RuleEpoch], stretch: Stretch) -> None:
    RuleEpoch.objects.filter(pk__in=[row.pk for row in epochs]).update(next_lane=stretch.end)


def _finish(pending: Sequence[RuleEpoch], *, now: datetime) -> None:
    """Ready, if the rule still depends on what it was published under; else the republishing starts a new epoch."""
    done = [row for row in pending if row.next_lane == LANES]
    if done:
        catalogue = load_catalogue()
        ready = [row.pk for row in done if is_current(row, catalogue=catalogue)]
        RuleEpoch.objects.filter(pk__in=ready, status=EpochStatus.BACKFILLING).update(
            status=EpochStatus.READY, ready_at=now
        )


def _is_only_runner() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ONE_RUNNER])
        (alone,) = cursor.fetchone()
    return bool(alone)
