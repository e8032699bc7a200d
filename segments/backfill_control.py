"""How far the backfill of a segment has come; calling it off, and taking it up again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from cdp import access
from cdp.access import Actor
from cdp.models import User
from cdp.roles import Role, has_role
from segments import doorbell, freshness
from segments.freshness import Freshness
from segments.models import EpochStatus, RuleEpoch, Segment

DECIDERS = (Role.APPROVER, Role.ADMINISTRATOR)


class BackfillError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NotAllowed(BackfillError):
    """The person holds none of the roles that decide."""


class NothingToDo(BackfillError):
    """There is no backfill in that state."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an epoch has come. `version` is None where a retired segment's members are being let go."""

    status: Freshness
    epoch: int
    version: int | None
    people: int | None
    judged: int
    started_at: datetime | None
    per_second: float | None
    expected_at: datetime | None
    ready_at: datetime | None
    cancelled_at: datetime | None
    cancelled_by: str | None

    @property
    def percent(self) -> int:
        """Whole percents, 100 only at the end: people are born meanwhile, so more can be judged than were counted."""
        if self.status is Freshness.READY:
            return 100
        return min(99, 100 * self.judged // self.people) if self.people else 0


def progress(*, segment_id: int, now: datetime) -> Progress | None:
    """Tell how far the latest epoch of a segment has come; None where nothing was ever live."""
    row = _latest(segment_id)
    if row is None:
        return None
    rate = _rate(row, now)
    left = max(0, (row.people or 0) - row.judged)
    is_running = row.status == EpochStatus.BACKFILLING
    return Progress(
        status=freshness.of_status(row.status),
        epoch=row.epoch,
        version=row.version.number if row.version else None,
        people=row.people,
        judged=min(row.judged, row.people) if row.people is not None else row.judged,
        started_at=row.started_at,
        per_second=rate,
        expected_at=now + timedelta(seconds=left / rate) if is_running and rate else None,
        ready_at=row.ready_at,
        cancelled_at=row.cancelled_at,
        cancelled_by=row.cancelled_by.get_username() if row.cancelled_by else None,
    )


@transaction.atomic
def cancel(*, segment: Segment, by: User, now: datetime) -> None:
    """Call the backfill off: who was not reached stays as the version before left them, and answers say `stale`.

    Whoever is touched from now on is judged by the live version all the same. Raises NotAllowed, NothingToDo.
    """
    row = _locked(segment, EpochStatus.BACKFILLING, by=by)
    called_off = {"status": EpochStatus.CANCELLED, "cancelled_at": now, "cancelled_by": by}
    RuleEpoch.objects.filter(pk=row.pk).update(**called_off)
    _record(row, segment, action="segment.backfill.cancel", by=by, now=now)


@transaction.atomic
def resume(*, segment: Segment, by: User, now: datetime) -> None:
    """Take a backfill up again behind the last person it judged. Raises NotAllowed, NothingToDo."""
    row = _locked(segment, EpochStatus.CANCELLED, by=by)
    RuleEpoch.objects.filter(pk=row.pk).update(status=EpochStatus.BACKFILLING, cancelled_at=None, cancelled_by=None)
    _record(row, segment, action="segment.backfill.resume", by=by, now=now)
    transaction.on_commit(doorbell.ring, robust=True)


_WANTED = {
    EpochStatus.BACKFILLING: "No backfill of this segment is going on.",
    EpochStatus.CANCELLED: "No backfill of this segment was called off.",
}


def _locked(segment: Segment, wanted: EpochStatus, *, by: User) -> RuleEpoch:
    if not has_role(by, *DECIDERS):
        raise NotAllowed("not_allowed", f"This takes one of the roles: {', '.join(DECIDERS)}.")
    row = RuleEpoch.objects.select_for_update().filter(segment=segment).order_by("-epoch").first()
    if row is None or row.status != wanted:
        raise NothingToDo("nothing_to_do", _WANTED[wanted])
    return row


def _latest(segment_id: int) -> RuleEpoch | None:
    rows = RuleEpoch.objects.filter(segment_id=segment_id).select_related("version", "cancelled_by")
    return rows.order_by("-epoch").first()


def _rate(row: RuleEpoch, now: datetime) -> float | None:
    until = row.ready_at or row.cancelled_at or now
    seconds = (until - row.started_at).total_seconds() if row.started_at else 0
    return row.judged / seconds if seconds > 0 and row.judged else None


def _record(row: RuleEpoch, segment: Segment, *, action: str, by: User, now: datetime) -> None:
    access.record(
        actor=Actor.person(by),
        action=action,
        profile_ids=[],
        purpose="administration",
        fields=["segments"],
        now=now,
        basis={"segment": segment.key, "epoch": row.epoch, "judged": row.judged},
    )
