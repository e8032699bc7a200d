"""Segments as governed objects, and how a change of the live rules reaches the lanes.

    approve ─> go_live ────────────────────────┐
    retire ──> go_away ────────────────────────┼─> a new epoch, under the exclusive rule lock ─> backfill ─> ready
    the type of something it reads changed ────┘
        ─> republish

An epoch is ready by compare-and-set: only while it is still its segment's latest and what the rule depends on still
has the hash it was published under. So A → B → A in mid-backfill leaves three epochs of which the first two never
become ready, and a property whose type changed under a live rule starts that rule's backfill again.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from cdp.governance.content import content_hash
from cdp.governance.errors import ContentInvalid
from cdp.governance.governed import Governed
from cdp.problems import FieldError
from segments import dependents, doorbell, evidence, lane_statement, lints, preview, rulebook, shadows
from segments.catalogue import load_catalogue
from segments.content import repeated, review_content, rule_of
from segments.dependencies import dependencies_of, is_current, still_fits
from segments.models import EpochStatus, RuleEpoch, Segment, SegmentDecision, SegmentVersion
from segments.rules.vocabulary import Catalogue
from segments.thresholds import deciding, moving
from segments.thresholds.fresh import looking_catalogue


def check_content(content: Any, /) -> None:
    """Raises ContentInvalid unless the content is a rule that the catalogue understands."""
    review_content(content, catalogue=load_catalogue())


def check_place(content: Any, /, *, head: Any) -> None:
    """Raises ContentInvalid where the segment would lean on itself with this rule."""
    dependents.refuse_circle(key=head.key, rule=rule_of(content), catalogue=load_catalogue())


def preview_content(*, content: Any, segment_id: int | None, now: datetime) -> Mapping[str, Any]:
    """What a content would do if it were live now, and what its author would have to acknowledge.

    Raises ContentInvalid.
    """
    catalogue = looking_catalogue(content, now=now)
    warnings = evidence.warnings_of(content, segment_id=segment_id, catalogue=catalogue)
    seen = preview.preview(rule=rule_of(content), segment_id=segment_id, catalogue=catalogue, now=now)
    return preview.as_evidence(seen, warnings=(*warnings, *lints.of_counts(size=seen.size, overlaps=())))


def estimate_content(*, content: Any, segment_id: int | None, now: datetime) -> Mapping[str, Any]:
    """What a content would do about, within a second or two: for whoever is still writing it. Raises ContentInvalid."""
    catalogue = looking_catalogue(content, now=now)
    warnings = evidence.warnings_of(content, segment_id=segment_id, catalogue=catalogue)
    seen = preview.estimate(rule=rule_of(content), segment_id=segment_id, catalogue=catalogue, now=now)
    warnings += lints.of_counts(size=seen.size.high, overlaps=())
    return preview.estimate_as_json(seen) | {"warnings": preview.warnings_as_json(warnings)}


def go_live(version: Any, /, *, now: datetime) -> None:
    """Put the version into the lanes' hands and start its backfill.

    Raises ContentInvalid where the lanes could not judge by all live rules then: one statement that fails would stop
    the evaluation of everybody.
    """
    rulebook.hold_to_change()
    deciding.begin(version, catalogue=load_catalogue(), now=now)
    catalogue = load_catalogue()  # a second time: what held when the approver clicked may have changed while waiting
    dependents.refuse_circle(key=version.head.key, rule=rule_of(version.content), catalogue=catalogue)
    review_content(version.content, catalogue=catalogue)
    dependents.refuse_outgrown(key=version.head.key, catalogue=catalogue)
    _publish(version, catalogue=catalogue, now=now)
    _publish_stale(catalogue=catalogue, now=now)
    if told := lane_statement.refusal(rulebook.current()):
        message = f"With this version live, the live rules together cannot be judged: {told}."
        raise ContentInvalid(message, errors=(FieldError("rule", message),))
    _ring()


def go_away(head: Any, /, *, now: datetime) -> None:
    """Take the segment out of the lanes' hands; the backfill closes its memberships.

    Raises WrongState while another live rule leans on it.
    """
    rulebook.hold_to_change()
    dependents.refuse_retirement(key=head.key, catalogue=load_catalogue())
    RuleEpoch.objects.create(
        segment_id=head.pk,
        version=None,
        dependencies={},
        dependency_hash=content_hash({}),
        replaces=True,
        published_at=now,
    )
    _publish_stale(catalogue=load_catalogue(), now=now)
    _ring()


@transaction.atomic
def republish(*, now: datetime) -> int:
    """Start a new epoch for every live rule that today's catalogue would have judged differently; say for how many."""
    if not _stale(load_catalogue()):
        return 0
    rulebook.hold_to_change()
    published = _publish_stale(catalogue=load_catalogue(), now=now)
    _ring()
    return published


SEGMENTS = Governed(
    head=Segment,
    version=SegmentVersion,
    decision=SegmentDecision,
    validate=check_content,
    fits=check_place,
    on_submit=evidence.freeze,
    on_live=go_live,
    on_retired=go_away,
    approvals=evidence.approvals,
    on_approval=evidence.renew,
    held_back=shadows.held_back,
    repeated=repeated,
)


def _publish(version: Any, *, catalogue: Catalogue, now: datetime) -> None:
    before = RuleEpoch.objects.filter(segment_id=version.head_id).order_by("-epoch").first()
    dependencies = dependencies_of(version, catalogue=catalogue)
    fits = still_fits(version, catalogue=catalogue)
    RuleEpoch.objects.create(
        segment_id=version.head_id,
        version=version,
        dependencies=dependencies,
        dependency_hash=content_hash(dependencies),
        replaces=before is not None and before.version_id is not None,
        moved=moving.between(before, dependencies) if before is not None and fits else None,
        status=EpochStatus.BACKFILLING if fits else EpochStatus.BROKEN,
        published_at=now,
    )


def _publish_stale(*, catalogue: Catalogue, now: datetime) -> int:
    """All stale rules in one go: within one epoch no two rules may disagree about a type."""
    stale = _stale(catalogue)
    for row in stale:
        _publish(row.version, catalogue=catalogue, now=now)
    return len(stale)


def _stale(catalogue: Catalogue) -> list[RuleEpoch]:
    rows = RuleEpoch.objects.latest_per_segment().select_related("version__head")
    return [row for row in rows if not is_current(row, catalogue=catalogue)]


def _ring() -> None:
    # A broker that is away fails nothing: the beat looks for backfills by itself.
    transaction.on_commit(doorbell.ring, robust=True)
