"""Why a person is in a segment, or why not: said by the evaluator itself, about the live rule and now."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from cdp.governance.models import DecisionKind
from profiles import lanes
from profiles.models import Profile
from segments import freshness, rulebook
from segments.freshness import Freshness
from segments.looking import Seen, look
from segments.models import Membership, SegmentDecision
from segments.rulebook import LiveRule
from segments.standpoint import Known, Standpoint

_LOCK_PERSON = """
SELECT p.id, p.merged_into FROM origin o JOIN profile p ON p.id = o.root_id WHERE o.id = %s FOR NO KEY UPDATE OF p
"""


@dataclass(frozen=True, slots=True)
class Approval:
    """Who let the version go live, when, and what they said."""

    by: str
    at: datetime
    comment: str


@dataclass(frozen=True, slots=True)
class Reasons:
    """The whole answer: what was seen, under which version, and what the platform said.

    `stay` is the open or the latest stay; of a moment of the past, the one that stood then or was the latest before.
    `known` is None for an answer about now.
    """

    profile_id: int
    segment: LiveRule
    approval: Approval | None
    seen: Seen
    stay: Membership | None
    as_of: datetime
    freshness: Freshness
    known: Known | None = None

    @property
    def is_member(self) -> bool:
        return self.seen.is_member


@transaction.atomic
def why(*, profile_id: int, key: str, now: datetime) -> Reasons | None:
    """Explain one live segment for one person; None when no such segment is live, or there is nobody to explain it for.

    Where the stored membership is behind what is true now (an event that waits for its lane, a window that ended this
    second), the person is evaluated first, so that the explanation and the membership never contradict each other. For
    that the person is locked as their lane locks them, and before the rules are held, in the lane's order.
    """
    person = _locked(profile_id)
    if person is None:
        return None
    rulebook.hold()
    book = rulebook.current()
    live = next((live for live in book.rules if live.key == key), None)
    if live is None:
        return None
    as_of = _no_earlier_than_judged(now, person)
    seen = look(live, Standpoint(person, as_of), catalogue=book.catalogue)
    if seen is not None and seen.is_member != _is_in(person, live):
        lanes.refresh(person)
        as_of = _no_earlier_than_judged(now, person)
        seen = look(live, Standpoint(person, as_of), catalogue=book.catalogue)
    if seen is None:
        return None
    return Reasons(
        profile_id=person,
        segment=live,
        approval=approval_of(live.version_id),
        seen=seen,
        stay=_latest_stay(person, live),
        as_of=as_of,
        freshness=freshness.of_segment(live.segment_id),
    )


def approval_of(version_id: int, *, until: datetime | None = None) -> Approval | None:
    """Return the approval that let a version go live; with `until`, the latest one by then."""
    decisions = SegmentDecision.objects.filter(version=version_id, decision=DecisionKind.APPROVE)
    if until is not None:
        decisions = decisions.filter(at__lte=until)
    decision = decisions.select_related("decided_by").order_by("-at", "-pk").first()
    return Approval(decision.decided_by.username, decision.at, decision.comment) if decision else None


def _locked(profile_id: int) -> int | None:
    """Lock the person this profile is now part of, and return their id; None where there is none."""
    asked = profile_id
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_LOCK_PERSON, [asked])
            found = cursor.fetchone()
        if found is None:
            return None
        profile_id, winner = found
        if winner is None:
            return int(profile_id)
        asked = winner  # a merge came in between


def _no_earlier_than_judged(now: datetime, profile_id: int) -> datetime:
    """The caller's moment, or the last evaluation's where that was later: its stay is what the answer stands beside."""
    judged = Profile.objects.values_list("evaluated_at", flat=True).get(pk=profile_id)
    return max(now, judged) if judged else now


def _is_in(profile_id: int, live: LiveRule) -> bool:
    return Membership.objects.current().filter(profile_id=profile_id, segment=live.segment_id).exists()


def _latest_stay(profile_id: int, live: LiveRule) -> Membership | None:
    stays = Membership.objects.filter(profile_id=profile_id, segment=live.segment_id)
    return stays.select_related("version", "standing_version", "left_version").order_by("-entered_at").first()
