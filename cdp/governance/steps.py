"""What the verbs have in common: who may, from which state, on which content; and the rows that say who did it."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from cdp.governance.content import content_hash
from cdp.governance.errors import CommentRequired, NotAllowed, WrongState
from cdp.governance.governed import Governed, governed_of
from cdp.governance.models import DecisionKind, GovernedHead, GovernedVersion, State
from cdp.models import User
from cdp.roles import Role, has_role

_NOTHING_MORE: Mapping[str, Any] = MappingProxyType({})


def require(by: User, role: Role, step: str) -> None:
    if not has_role(by, role):
        raise NotAllowed(f"To {step.replace('_', ' ')}, the role {role} is needed.")


def locked(head: GovernedHead) -> tuple[Governed, Any]:
    governed = governed_of(head)
    return governed, governed.head._default_manager.select_for_update().get(pk=head.pk)


def expect(version: GovernedVersion, *states: State, step: str) -> None:
    """Read the version again, now that the head is locked: what the caller holds may be old."""
    version.refresh_from_db()
    if version.state not in states:
        raise WrongState(f"Version {version.number} is {version.get_state_display()}: it cannot be {step}.")


def expect_seen(version: GovernedVersion, seen_hash: str | None) -> None:
    if seen_hash is not None and seen_hash != version.content_hash:
        raise WrongState("The version changed since you looked at it: look again, then go on.")


def expect_intact(version: GovernedVersion) -> None:
    if content_hash(version.content) != version.content_hash:
        raise WrongState("The stored content does not match its hash: edit it again.")


def expect_comment(comment: str) -> None:
    if not comment.strip():
        raise CommentRequired("Say why in a comment: it stays with the decision.")


def decide(
    governed: Governed,
    version: Any,
    decision: DecisionKind,
    *,
    comment: str,
    by: User,
    now: datetime,
    more: Mapping[str, Any] = _NOTHING_MORE,
) -> None:
    """Store a decision on the content as it is; `more` are columns that the type's own table has besides."""
    expect_comment(comment)
    governed.decision._default_manager.create(
        version=version,
        content_hash=version.content_hash,
        decision=decision,
        comment=comment.strip(),
        decided_by=by,
        author_ids=version.author_ids,
        at=now,
        **more,
    )


def record(head: Any, *, by: User, now: datetime, reason: str) -> None:
    """Save the head with a history row that names who took the step, and when."""
    if head.pk is not None:
        head.refresh_from_db(fields=["live_version"])  # the trigger moved it
    head._history_user, head._history_date, head._change_reason = by, now, reason
    head.save()
    # Left on the instance they would sign its next save as well, whoever takes that.
    del head._history_user, head._history_date, head._change_reason
