"""How far the approvals of a version in review have come, and what keeps an approved one from going live.

An approved version that has to wait (for a second person, for its start, for the end of its trial) is still in review:
the same row with the same decisions, which can no longer be edited and can be dropped by rejecting or withdrawing it.
"""

from datetime import datetime
from typing import Any

from cdp.governance.errors import NotAllowed, WrongState
from cdp.governance.governed import Governed
from cdp.governance.models import DecisionKind
from cdp.governance.schedule import schedule_of
from cdp.models import User


def approver_ids(governed: Governed, version: Any) -> list[int]:
    """Who approved this very content, in the order they did."""
    decisions = governed.decision._default_manager.filter(
        version=version, decision=DecisionKind.APPROVE, content_hash=version.content_hash
    ).exclude(decided_by_id__in=version.author_ids)
    return list(decisions.order_by("pk").values_list("decided_by_id", flat=True))


def missing(governed: Governed, version: Any) -> int:
    """How many more people have to approve."""
    return max(0, governed.approvals(version.content) - len(set(approver_ids(governed, version))))


def held_back(governed: Governed, version: Any, *, now: datetime) -> str | None:
    """Why a version that everybody approved does not go live now, as the end of a sentence; None when it may."""
    schedule = schedule_of(version.content)
    if schedule.starts_at is not None and not schedule.has_begun(now):
        return f"goes live at {schedule.starts_at.isoformat(' ')}"
    return governed.held_back(version, now=now)


def last_approver(governed: Governed, version: Any) -> User:
    """In whose name an approved version starts and ends by itself."""
    return User.objects.get(pk=approver_ids(governed, version)[-1])


def expect_open_to(governed: Governed, version: Any, *, by: User, now: datetime) -> None:
    """Raises NotAllowed where another person's approval is asked for, WrongState where none is."""
    given = approver_ids(governed, version)
    if not given:
        return
    if missing(governed, version):
        if by.pk in given:
            raise NotAllowed("You have approved this version: it needs the approval of another person as well.")
    elif told := held_back(governed, version, now=now):
        raise WrongState(f"Version {version.number} is approved already, and {told}.")


def expect_none(governed: Governed, version: Any) -> None:
    """Raises WrongState once somebody approved: what they approved does not change any more."""
    if approver_ids(governed, version):
        told = "withdraw it and write a new version"
        raise WrongState(f"Version {version.number} is approved by at least one person and fixed by it: {told}.")


def expect_time_left(version: Any, *, now: datetime) -> None:
    """Raises WrongState where the content's end is over before it could begin."""
    if schedule_of(version.content).has_ended(now):
        raise WrongState("The end that the content names is over: name a later one, or none.")
