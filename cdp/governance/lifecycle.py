"""The verbs: create, describe; draft, edit, submit, withdraw; approve, reject, retire; roll back.

Each is one transaction with the head's row locked, so that two people who decide at the same moment decide one after
the other. Each checks the role, then the state, then acts; the database checks again (operations.py says what).
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from cdp.governance.content import content_hash
from cdp.governance.errors import CommentRequired, FourEyes, NotAllowed, WrongState
from cdp.governance.governed import Governed, governed_of
from cdp.governance.models import DecisionKind, GovernedHead, GovernedVersion, State
from cdp.models import User
from cdp.roles import Role, has_role

#: Only what was approved once can be gone back to.
WAS_LIVE = (State.LIVE, State.SUPERSEDED, State.RETIRED)


@transaction.atomic
def create(
    *, governed: Governed, key: str, name: str, by: User, now: datetime, description: str = "", **more: Any
) -> Any:
    """Create a head without versions, owned by its creator. Raises NotAllowed."""
    _require(by, Role.AUTHOR, "create")
    head = governed.head(key=key, name=name, description=description, owner=by, created_at=now, **more)
    _record(head, by=by, now=now, reason="created")
    return head


@transaction.atomic
def describe(*, head: GovernedHead, by: User, now: datetime, **fields: Any) -> None:
    """Change the head's name, description, owner or other descriptive fields. Raises NotAllowed."""
    _require(by, Role.AUTHOR, "describe")
    _, locked = _locked(head)
    for field, value in fields.items():
        setattr(locked, field, value)
        setattr(head, field, value)
    _record(locked, by=by, now=now, reason="described")


@transaction.atomic
def draft(*, head: GovernedHead, content: Any, by: User, now: datetime) -> Any:
    """Add a draft version with the next number. Raises NotAllowed, ContentInvalid."""
    _require(by, Role.AUTHOR, "draft")
    governed, locked = _locked(head)
    return _add_draft(governed, locked, content=content, by=by, now=now)


@transaction.atomic
def edit(*, version: GovernedVersion, content: Any, by: User, now: datetime, seen_hash: str | None = None) -> None:
    """Replace the content of a draft; one under review goes back to draft, its request void.

    `seen_hash` is the content the person began from. Raises NotAllowed, WrongState, ContentInvalid.
    """
    _require(by, Role.AUTHOR, "edit")
    governed, head = _locked(version.head)
    _expect(version, State.DRAFT, State.REVIEW, step="edited")
    _expect_seen(version, seen_hash)
    new_hash = content_hash(content)
    governed.validate(content)
    if version.state == State.REVIEW:
        _back_to_draft(version)
    version.content, version.content_hash = content, new_hash
    _add_author(version, by)
    version.save(update_fields=["content", "content_hash", "author_ids"])
    _record(head, by=by, now=now, reason=f"edited v{version.number}")


@transaction.atomic
def submit(*, version: GovernedVersion, by: User, now: datetime) -> None:
    """Ask for approval: freeze content and evidence. Raises NotAllowed, WrongState, ContentInvalid."""
    _require(by, Role.AUTHOR, "submit")
    governed, head = _locked(version.head)
    _expect(version, State.DRAFT, step="submitted")
    _submit(governed, head, version, by=by, now=now)


@transaction.atomic
def withdraw(*, version: GovernedVersion, by: User, now: datetime) -> None:
    """Give up a draft or a request for approval; the version stays as a record. Raises NotAllowed, WrongState."""
    _require(by, Role.AUTHOR, "withdraw")
    _, head = _locked(version.head)
    _expect(version, State.DRAFT, State.REVIEW, step="withdrawn")
    version.state = State.WITHDRAWN
    version.save(update_fields=["state"])
    _record(head, by=by, now=now, reason=f"withdrew v{version.number}")


@transaction.atomic
def approve(*, version: GovernedVersion, comment: str, by: User, now: datetime, seen_hash: str | None = None) -> None:
    """Make the version live and supersede the one before it.

    `seen_hash` is the content the person looked at: the doors pass it on, so that an edit between looking and
    clicking is not approved unseen. Raises NotAllowed, FourEyes, WrongState, CommentRequired, ContentInvalid.
    """
    _require(by, Role.APPROVER, "approve")
    governed, head = _locked(version.head)
    _expect(version, State.REVIEW, step="approved")
    _expect_seen(version, seen_hash)
    if by.pk in version.author_ids:
        raise FourEyes("You are one of the authors of this version: somebody else has to approve it.")
    _expect_intact(version)
    governed.validate(version.content)
    _decide(governed, version, DecisionKind.APPROVE, comment=comment, by=by, now=now)
    version.state, version.decided_at = State.LIVE, now
    version.save(update_fields=["state", "decided_at"])
    _record(head, by=by, now=now, reason=f"approved v{version.number}")
    version.head = head
    governed.on_live(version, now=now)


@transaction.atomic
def reject(*, version: GovernedVersion, comment: str, by: User, now: datetime, seen_hash: str | None = None) -> None:
    """Refuse a request for approval, for good: the author drafts a new version.

    Raises NotAllowed, WrongState, CommentRequired.
    """
    _require(by, Role.APPROVER, "reject")
    governed, head = _locked(version.head)
    _expect(version, State.REVIEW, step="rejected")
    _expect_seen(version, seen_hash)
    _decide(governed, version, DecisionKind.REJECT, comment=comment, by=by, now=now)
    version.state, version.decided_at = State.REJECTED, now
    version.save(update_fields=["state", "decided_at"])
    _record(head, by=by, now=now, reason=f"rejected v{version.number}")


@transaction.atomic
def retire(*, head: GovernedHead, comment: str, by: User, now: datetime) -> None:
    """Take the live version out of use. Raises NotAllowed, WrongState, CommentRequired."""
    _require(by, Role.APPROVER, "retire")
    governed, locked = _locked(head)
    version = locked.live_version
    if version is None:
        raise WrongState("Nothing is live that could be retired.")
    _decide(governed, version, DecisionKind.RETIRE, comment=comment, by=by, now=now)
    version.state, version.decided_at = State.RETIRED, now
    version.save(update_fields=["state", "decided_at"])
    _record(locked, by=by, now=now, reason=f"retired v{version.number}")
    head.live_version = None
    governed.on_retired(locked, now=now)


@transaction.atomic
def roll_back(*, head: GovernedHead, to_version: GovernedVersion, by: User, comment: str, now: datetime) -> Any:
    """Copy a version that was live into a new one and ask for its approval; return the new one.

    Raises NotAllowed, WrongState, CommentRequired, ContentInvalid.
    """
    _require(by, Role.AUTHOR, "roll_back")
    governed, locked = _locked(head)
    if to_version.head_id != locked.pk:
        raise WrongState("The version belongs to another object.")
    _expect(to_version, *WAS_LIVE, step="gone back to")
    version = _add_draft(governed, locked, content=to_version.content, by=by, now=now, copied_from=to_version.number)
    _decide(governed, version, DecisionKind.ROLL_BACK, comment=comment, by=by, now=now)
    _submit(governed, locked, version, by=by, now=now)
    return version


def _require(by: User, role: Role, step: str) -> None:
    if not has_role(by, role):
        raise NotAllowed(f"To {step.replace('_', ' ')}, the role {role} is needed.")


def _locked(head: GovernedHead) -> tuple[Governed, Any]:
    governed = governed_of(head)
    return governed, governed.head._default_manager.select_for_update().get(pk=head.pk)


def _expect(version: GovernedVersion, *states: State, step: str) -> None:
    """Read the version again, now that the head is locked: what the caller holds may be old."""
    version.refresh_from_db()
    if version.state not in states:
        raise WrongState(f"Version {version.number} is {version.get_state_display()}: it cannot be {step}.")


def _expect_seen(version: GovernedVersion, seen_hash: str | None) -> None:
    if seen_hash is not None and seen_hash != version.content_hash:
        raise WrongState("The version changed since you looked at it: look again, then go on.")


def _expect_intact(version: GovernedVersion) -> None:
    if content_hash(version.content) != version.content_hash:
        raise WrongState("The stored content does not match its hash: edit it again.")


def _add_draft(
    governed: Governed, head: Any, *, content: Any, by: User, now: datetime, copied_from: int | None = None
) -> Any:
    new_hash = content_hash(content)
    governed.validate(content)
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
    _record(head, by=by, now=now, reason=f"drafted v{version.number}")
    return version


def _submit(governed: Governed, head: Any, version: Any, *, by: User, now: datetime) -> None:
    other = governed.version._default_manager.filter(head=head, state=State.REVIEW).first()
    if other is not None:
        raise WrongState(f"Version {other.number} already waits for approval: decide or withdraw it first.")
    _expect_intact(version)
    governed.validate(version.content)
    _add_author(version, by)
    version.submitted_by, version.submitted_at = by, now
    version.evidence = dict(governed.on_submit(version, now=now))
    version.state = State.REVIEW
    version.save(update_fields=["author_ids", "submitted_by", "submitted_at", "evidence", "state"])
    _record(head, by=by, now=now, reason=f"submitted v{version.number}")


def _back_to_draft(version: Any) -> None:
    version.state, version.evidence = State.DRAFT, {}
    version.submitted_by = version.submitted_at = None
    version.save(update_fields=["state", "evidence", "submitted_by", "submitted_at"])


def _add_author(version: Any, by: User) -> None:
    if by.pk not in version.author_ids:
        version.author_ids = [*version.author_ids, by.pk]


def _decide(governed: Governed, version: Any, decision: DecisionKind, *, comment: str, by: User, now: datetime) -> None:
    if not comment.strip():
        raise CommentRequired("Say why in a comment: it stays with the decision.")
    governed.decision._default_manager.create(
        version=version,
        content_hash=version.content_hash,
        decision=decision,
        comment=comment.strip(),
        decided_by=by,
        author_ids=version.author_ids,
        at=now,
    )


def _record(head: Any, *, by: User, now: datetime, reason: str) -> None:
    """Save the head with a history row that names who took the step, and when."""
    if head.pk is not None:
        head.refresh_from_db(fields=["live_version"])  # the trigger moved it
    head._history_user, head._history_date, head._change_reason = by, now, reason
    head.save()
    # Left on the instance they would sign its next save as well, whoever takes that.
    del head._history_user, head._history_date, head._change_reason
