"""What segments know about a person: every stay, with its version, its approver, its causes and its evidence."""

from datetime import datetime

from cdp.governance.models import DecisionKind
from profiles.models import Cause
from profiles.subject import Section
from segments.content import rule_of
from segments.models import Membership, Segment, SegmentDecision
from segments.rules.sentences import sentence

_SHOWN = 200
#: How a recorded cause reads at the end of "in since …, because".
CAUSES = {
    Cause.EVENT: "an event came in",
    Cause.SWEEP: "time passed",
    Cause.MERGE: "two profiles turned out to be one person",
    Cause.UNMERGE: "a merge was undone",
    Cause.BACKFILL: "the rule went live",
    Cause.VERSION: "a new version of the rule went live",
    Cause.CONSENT: "consent changed",
    Cause.THRESHOLD: "a threshold moved",
    Cause.LIST: "a list was uploaded",
}


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
                "sentence": sentence(rule_of(stay.standing_version.content)),
                "approved_by": approvers.get(stay.standing_version_id, ""),
                "entered_at": stay.entered_at,
                "cause": stay.cause,
                "entered_because": CAUSES.get(Cause(stay.cause), stay.cause),
                "evidence": stay.evidence,
                "left_at": stay.left_at,
                "left_cause": stay.left_cause,
                "left_because": CAUSES.get(Cause(stay.left_cause), "") if stay.left_cause else "",
                "evidence_left": stay.evidence_left,
            }
            for stay in current_first
        ),
        empty="This person is in no segment and never was.",
        template="segments/subject/segments.html",
        more={
            "always": True,
            "profile_id": profile_id,
            "current": sum(stay.left_at is None for stay in stays),
            "past": sum(stay.left_at is not None for stay in stays),
            "others": _others({stay.segment_id for stay in stays if stay.left_at is None}),
        },
    )


def _others(current: set[int]) -> list[tuple[str, str]]:
    live = Segment.objects.filter(live_version__isnull=False).exclude(pk__in=current).order_by("name")
    return list(live.values_list("key", "name"))


def _approvers(stays: list[Membership]) -> dict[int, str]:
    decisions = SegmentDecision.objects.filter(
        version__in={stay.standing_version_id for stay in stays}, decision=DecisionKind.APPROVE
    )
    return dict(decisions.values_list("version_id", "decided_by__username"))
