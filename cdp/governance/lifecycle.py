"""The verbs: create, describe; draft, edit, submit, withdraw; approve, reject, retire; roll back; and start and end.

Each is one transaction with the head's row locked, so that two people who decide at the same moment decide one after
the other. Each checks the role, then the state, then acts; the database checks again (guards.py says what).
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from cdp.governance import approvals, steps
from cdp.governance.content import content_hash
from cdp.governance.errors import FourEyes, WrongState
from cdp.governance.governed import Governed
from cdp.governance.models import DecisionKind, GovernedHead, GovernedVersion, State
from cdp.governance.schedule import schedule_of
from cdp.models import User
from cdp.roles import Role

#: Only what was approved once can be gone back to.
WAS_LIVE = (State.LIVE, State.SUPERSEDED, State.RETIRED)


@transaction.atomic
def create(
    *, governed: Governed, key: str, name: str, by: User, now: datetime, description: str = "", **more: Any
) -> Any:
    """Create a head without versions, owned by its creator. Raises NotAllowed."""
    steps.require(by, Role.AUTHOR, "create")
    head = governed.head(key=key, name=name, description=description, owner=by, created_at=now, **more)
    steps.record(head, by=by, now=now, reason="created")
    return head


@transaction.atomic
def describe(*, head: GovernedHead, by: User, now: datetime, **fields: Any) -> None:
    """Change the head's name, description, owner or other descriptive fields. Raises NotAllowed."""
    steps.require(by, Role.AUTHOR, "describe")
    _, locked = steps.locked(head)
    for field, value in fields.items():
        setattr(locked, field, value)
        setattr(head, field, value)
    steps.record(locked, by=by, now=now, reason="described")


@transaction.atomic
def draft(*, head: GovernedHead, content: Any, by: User, now: datetime) -> Any:
    """Add a draft version with the next number. Raises NotAllowed, ContentInvalid."""
    steps.require(by, Role.AUTHOR, "draft")
    governed, locked = steps.locked(head)
    return _add_draft(governed, locked, content=content, by=by, now=now)


@transaction.atomic
def edit(*, version: GovernedVersion, content: Any, by: User, now: datetime, seen_hash: str | None = None) -> None:
    """Replace the content of a draft; one under review goes back to draft, its request void.

    `seen_hash` is the content the person began from. Raises NotAllowed, WrongState, ContentInvalid.
    """
    steps.require(by, Role.AUTHOR, "edit")
    governed, head = steps.locked(version.head)
    steps.expect(version, State.DRAFT, State.REVIEW, step="edited")
    steps.expect_seen(version, seen_hash)
    new_hash = content_hash(content)
    governed.check(content, head=head)
    if version.state == State.REVIEW:
        approvals.expect_none(governed, version)
        _back_to_draft(version)
    version.content, version.content_hash = content, new_hash
    _add_author(version, by)
    version.save(update_fields=["content", "content_hash", "author_ids"])
    steps.record(head, by=by, now=now, reason=f"edited v{version.number}")


@transaction.atomic
def submit(*, version: GovernedVersion, by: User, now: datetime) -> None:
    """Ask for approval: freeze content and evidence. Raises NotAllowed, WrongState, ContentInvalid."""
    steps.require(by, Role.AUTHOR, "submit")
    governed, head = steps.locked(version.head)
    steps.expect(version, State.DRAFT, step="submitted")
    _submit(governed, head, version, by=by, now=now)


@transaction.atomic
def withdraw(*, version: GovernedVersion, by: User, now: datetime) -> None:
    """Give up a draft or a request for approval; the version stays as a record. Raises NotAllowed, WrongState."""
    steps.require(by, Role.AUTHOR, "withdraw")
    _, head = steps.locked(version.head)
    steps.expect(version, State.DRAFT, State.REVIEW, step="withdrawn")
    version.state = State.WITHDRAWN
    version.save(update_fields=["state"])
    steps.record(head, by=by, now=now, reason=f"withdrew v{version.number}")


@transaction.atomic
def approve(*, version: GovernedVersion, comment: str, by: User, now: datetime, seen_hash: str | None = None) -> None:
    """Approve the version; with the last approval it needs it goes live and supersedes the one before it.

    One that waits for its start stays approved until `start`; one that runs in the shadow of what is live is approved
    once more after that time. `seen_hash` is the content the person looked at: the doors pass it on, so that an edit
    between looking and clicking is not approved unseen. Raises NotAllowed, FourEyes, WrongState, CommentRequired,
    ContentInvalid.
    """
    steps.require(by, Role.APPROVER, "approve")
    governed, head = steps.locked(version.head)
    steps.expect(version, State.REVIEW, step="approved")
    steps.expect_seen(version, seen_hash)
    if by.pk in version.author_ids:
        raise FourEyes("You are one of the authors of this version: somebody else has to approve it.")
    steps.expect_comment(comment)
    steps.expect_intact(version)
    approvals.expect_open_to(governed, version, by=by, now=now)
    governed.check(version.content, head=head)
    approvals.expect_time_left(version, now=now)
    more = governed.on_approval(version, now=now)
    steps.decide(governed, version, DecisionKind.APPROVE, comment=comment, by=by, now=now, more=more)
    if missing := approvals.missing(governed, version):
        steps.record(head, by=by, now=now, reason=f"approved v{version.number}, {missing} more needed")
    elif approvals.held_back(governed, version, now=now):
        steps.record(head, by=by, now=now, reason=f"approved v{version.number}, it waits")
    else:
        _go_live(governed, head, version, by=by, now=now, reason=f"approved v{version.number}")


@transaction.atomic
def reject(*, version: GovernedVersion, comment: str, by: User, now: datetime, seen_hash: str | None = None) -> None:
    """Refuse a request for approval, for good: the author drafts a new version.

    Raises NotAllowed, WrongState, CommentRequired.
    """
    steps.require(by, Role.APPROVER, "reject")
    governed, head = steps.locked(version.head)
    steps.expect(version, State.REVIEW, step="rejected")
    steps.expect_seen(version, seen_hash)
    steps.decide(governed, version, DecisionKind.REJECT, comment=comment, by=by, now=now)
    version.state, version.decided_at = State.REJECTED, now
    version.save(update_fields=["state", "decided_at"])
    steps.record(head, by=by, now=now, reason=f"rejected v{version.number}")


@transaction.atomic
def retire(*, head: GovernedHead, comment: str, by: User, now: datetime) -> None:
    """Take the live version out of use. Raises NotAllowed, WrongState, CommentRequired."""
    steps.require(by, Role.APPROVER, "retire")
    governed, locked = steps.locked(head)
    version = locked.live_version
    if version is None:
        raise WrongState("Nothing is live that could be retired.")
    steps.decide(governed, version, DecisionKind.RETIRE, comment=comment, by=by, now=now)
    _go_away(governed, locked, version, by=by, now=now, reason=f"retired v{version.number}")
    head.live_version = None


@transaction.atomic
def roll_back(*, head: GovernedHead, to_version: GovernedVersion, by: User, comment: str, now: datetime) -> Any:
    """Copy a version that was live into a new one and ask for its approval; return the new one.

    Raises NotAllowed, WrongState, CommentRequired, ContentInvalid.
    """
    steps.require(by, Role.AUTHOR, "roll_back")
    governed, locked = steps.locked(head)
    if to_version.head_id != locked.pk:
        raise WrongState("The version belongs to another object.")
    steps.expect(to_version, *WAS_LIVE, step="gone back to")
    content = governed.repeated(to_version.content)
    version = _add_draft(governed, locked, content=content, by=by, now=now, copied_from=to_version.number)
    steps.decide(governed, version, DecisionKind.ROLL_BACK, comment=comment, by=by, now=now)
    _submit(governed, locked, version, by=by, now=now)
    return version


@transaction.atomic
def start(*, version: GovernedVersion, now: datetime) -> None:
    """Let an approved version go live whose start has come, in the name of its last approver.

    Raises WrongState, ContentInvalid.
    """
    governed, head = steps.locked(version.head)
    steps.expect(version, State.REVIEW, step="started")
    steps.expect_intact(version)
    if approvals.missing(governed, version):
        raise WrongState(f"Version {version.number} is not approved: its start passes without it.")
    if told := approvals.held_back(governed, version, now=now):
        raise WrongState(f"Version {version.number} is approved, and {told}.")
    governed.check(version.content, head=head)
    approvals.expect_time_left(version, now=now)
    by = approvals.last_approver(governed, version)
    _go_live(governed, head, version, by=by, now=now, reason=f"v{version.number} went live as approved")


@transaction.atomic
def end(*, version: GovernedVersion, now: datetime) -> None:
    """Take the live version away whose approved end has come, in the name of its last approver. Raises WrongState."""
    governed, head = steps.locked(version.head)
    steps.expect(version, State.LIVE, step="ended")
    if not schedule_of(version.content).has_ended(now):
        raise WrongState(f"Version {version.number} has not come to its end.")
    _go_away(
        governed,
        head,
        version,
        by=approvals.last_approver(governed, version),
        now=now,
        reason=f"v{version.number} ended as approved",
    )


def _go_live(governed: Governed, head: Any, version: Any, *, by: User, now: datetime, reason: str) -> None:
    version.state, version.decided_at = State.LIVE, now
    version.save(update_fields=["state", "decided_at"])
    steps.record(head, by=by, now=now, reason=reason)
    version.head = head
    governed.on_live(version, now=now)


def _go_away(governed: Governed, head: Any, version: Any, *, by: User, now: datetime, reason: str) -> None:
    version.state, version.decided_at = State.RETIRED, now
    version.save(update_fields=["state", "decided_at"])
    steps.record(head, by=by, now=now, reason=reason)
    governed.on_retired(head, now=now)


def _add_draft(
    governed: Governed, head: Any, *, content: Any, by: User, now: datetime, copied_from: int | None = None
) -> Any:
    new_hash = content_hash(content)
    governed.check(content, head=head)
    last = governed.version._default_manager.filter(head=head).aggregate(last=Max("number"))["last"] or 0
    version = governed.version._default_manager.create(
        head=head,
        number=last + 1,
        content=content,
        content_hash=new_hash,
        author_ids=[by.pk],
        copied_from=copied_from,
        created_by=by,
        created_at=now,
    )
    steps.record(head, by=by, now=now, reason=f"drafted v{version.number}")
    return version


def _submit(governed: Governed, head: Any, version: Any, *, by: User, now: datetime) -> None:
    other = governed.version._default_manager.filter(head=head, state=State.REVIEW).first()
    if other is not None:
        raise WrongState(f"Version {other.number} already waits for approval: decide or withdraw it first.")
    steps.expect_intact(version)
    governed.check(version.content, head=head)
    approvals.expect_time_left(version, now=now)
    _add_author(version, by)
    version.submitted_by, version.submitted_at = by, now
    version.evidence = dict(governed.on_submit(version, now=now))
    version.state = State.REVIEW
    version.save(update_fields=["author_ids", "submitted_by", "submitted_at", "evidence", "state"])
    steps.record(head, by=by, now=now, reason=f"submitted v{version.number}")


def _back_to_draft(version: Any) -> None:
    version.state, version.evidence = State.DRAFT, {}
    version.submitted_by = version.submitted_at = None
    version.save(update_fields=["state", "evidence", "submitted_by", "submitted_at"])


def _add_author(version: Any, by: User) -> None:
    if by.pk not in version.author_ids:
        version.author_ids = [*version.author_ids, by.pk]
