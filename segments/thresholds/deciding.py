"""Which snapshot a threshold goes by: the one approved with its version, then what its band or somebody lets in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from cdp.governance.errors import CommentRequired, FourEyes, NotAllowed, WrongState
from cdp.models import User
from cdp.roles import Role, has_role
from segments import doorbell
from segments.content import rule_of
from segments.models import Outcome, Segment, SegmentVersion, ThresholdDecision, ThresholdSnapshot
from segments.rules.resolving import Measured, thresholds_in
from segments.rules.vocabulary import Catalogue
from segments.thresholds.bands import band_of, decided
from segments.thresholds.fresh import told_of
from segments.thresholds.measuring import Figures, column_of, measure


@dataclass(frozen=True, slots=True)
class Review:
    """A snapshot that waits for somebody: where, what it would replace, and by how much it moved."""

    decision: ThresholdDecision
    before: ThresholdSnapshot


def begin(version: SegmentVersion, *, catalogue: Catalogue, now: datetime) -> None:
    """Put the snapshots in force that were approved with the version: those in its evidence, as the approver saw it."""
    approved = {told["path"]: told for told in version.evidence.get("thresholds", ())}
    for path, measured in thresholds_in(rule_of(version.content)).items():
        if ThresholdDecision.objects.filter(version=version, path=path).exists():
            continue
        told = approved.get(path) or _told_now(measured, catalogue=catalogue, now=now)
        _decide(version, path, _stored(told), Outcome.FIRST, now=now)


def settle(*, version: SegmentVersion, path: str, snapshot: ThresholdSnapshot, now: datetime) -> Outcome:
    """Say what becomes of a new snapshot by the version's band, and keep it."""
    before = _in_force(version.pk, path)
    outcome = decided(old=before.snapshot.value, new=snapshot.value, band=band_of(version.content))
    _decide(version, path, snapshot, outcome, now=now)
    return outcome


@transaction.atomic
def accept(*, decision: ThresholdDecision, comment: str, by: User, now: datetime) -> None:
    """Let a snapshot in that lies outside the band. Raises NotAllowed, FourEyes, WrongState, CommentRequired."""
    _answer(decision, Outcome.ACCEPTED, comment=comment, by=by, now=now)
    transaction.on_commit(doorbell.ring, robust=True)


@transaction.atomic
def refuse(*, decision: ThresholdDecision, comment: str, by: User, now: datetime) -> None:
    """Stay with the snapshot in force. Raises NotAllowed, FourEyes, WrongState, CommentRequired."""
    _answer(decision, Outcome.REFUSED, comment=comment, by=by, now=now)


def reviews(version_id: int | None) -> Sequence[Review]:
    """What waits for a decision on a version's thresholds, in the order of their places."""
    latest = (
        ThresholdDecision.objects.filter(version_id=version_id)
        .select_related("snapshot", "version__head")
        .order_by("path", "-id")
        .distinct("path")
    )
    return [Review(row, _in_force(row.version_id, row.path).snapshot) for row in latest if row.outcome == Outcome.ASKED]


def store(measured: Measured, figures: Figures) -> ThresholdSnapshot:
    """Keep what was measured for a threshold."""
    return _stored(told_of(measured, figures))


def _answer(decision: ThresholdDecision, outcome: Outcome, *, comment: str, by: User, now: datetime) -> None:
    if not has_role(by, Role.APPROVER):
        raise NotAllowed("To decide on a threshold, the role approver is needed.")
    version = SegmentVersion.objects.select_for_update(of=("self",)).select_related("head").get(pk=decision.version_id)
    if by.pk in version.author_ids:
        raise FourEyes("You are one of the authors of this rule: somebody else has to decide on its threshold.")
    if version.head.live_version_id != version.pk:
        raise WrongState("This version is not live any more.")
    latest = ThresholdDecision.objects.filter(version=version, path=decision.path).latest("id")
    if latest.pk != decision.pk or latest.outcome != Outcome.ASKED:
        raise WrongState("This snapshot does not wait for a decision any more: look again.")
    if not comment.strip():
        raise CommentRequired("Say why in a comment: it stays with the decision.")
    _decide(version, decision.path, decision.snapshot, outcome, now=now, by=by, comment=comment.strip())


def _decide(
    version: SegmentVersion,
    path: str,
    snapshot: ThresholdSnapshot,
    outcome: Outcome,
    *,
    now: datetime,
    by: User | None = None,
    comment: str = "",
) -> None:
    ThresholdDecision.objects.create(
        version=version,
        path=path,
        snapshot=snapshot,
        outcome=outcome,
        decided_by=by,
        author_ids=version.author_ids,
        comment=comment,
        at=now,
    )


def _in_force(version_id: int, path: str) -> ThresholdDecision:
    rows = ThresholdDecision.objects.filter(version_id=version_id, path=path).select_related("snapshot")
    return rows.filter(outcome__in=(Outcome.FIRST, Outcome.REFRESHED, Outcome.ACCEPTED)).latest("id")


def _told_now(measured: Measured, *, catalogue: Catalogue, now: datetime) -> Mapping[str, Any]:
    column = column_of(measured)
    return told_of(
        measured, measure(column=column, percentiles=[measured.threshold.amount], catalogue=catalogue, now=now)
    )


def _stored(told: Mapping[str, Any]) -> ThresholdSnapshot:
    over = Segment.objects.filter(key=told["over"]).first() if told["over"] else None
    return ThresholdSnapshot.objects.create(
        measure=told["measure"],
        measure_hash=told["measure_hash"],
        statistic=told["statistic"],
        amount=Decimal(told["amount"]),
        over=over,
        over_version_id=told["over_version"],
        value=_exact(told["value"]),
        people=told["people"],
        mean=_exact(told["mean"]),
        deviation=_exact(told["deviation"]),
        taken_at=datetime.fromisoformat(told["taken_at"]),
    )


def _exact(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
