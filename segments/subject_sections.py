"""What segments know about a person: every stay, with its version, its approver, its causes and its evidence."""

from datetime import datetime

from cdp.governance.models import DecisionKind
from profiles.subject import Section
from segments.models import Membership, SegmentDecision

_SHOWN = 200


def memberships(profile_id: int, now: datetime, /) -> Section:
    """Current stays first, then past ones, latest first."""
    stays = list(
        Membership.objects.filter(profile_id=profile_id)
        .select_related("segment", "standing_version", "left_version")
        .order_by("-entered_at", "-id")[:_SHOWN]
    )
    approvers = _approvers(stays)
    current_first = sorted(stays, key=lambda stay: stay.left_at is not None)
    return Section(
        key="segments",
        title="Segments",
        rows=tuple(
            {
                "segment": stay.segment.name,
                "key": stay.segment.key,
                "version": stay.standing_version.number,
                "approved_by": approvers.get(stay.standing_version_id, ""),
                "entered_at": stay.entered_at,
                "cause": stay.cause,
                "evidence": stay.evidence,
                "left_at": stay.left_at,
                "left_cause": stay.left_cause,
                "evidence_left": stay.evidence_left,
            }
            for stay in current_first
        ),
        empty="This person is in no segment and never was.",
    )


def _approvers(stays: list[Membership]) -> dict[int, str]:
    decisions = SegmentDecision.objects.filter(
        version__in={stay.standing_version_id for stay in stays}, decision=DecisionKind.APPROVE
    )
    return dict(decisions.values_list("version_id", "decided_by__username"))
