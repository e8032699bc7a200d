"""What a type of governed object supplies to the lifecycle."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.utils.module_loading import import_string

from cdp.governance.models import GovernedHead


class Validate(Protocol):
    def __call__(self, content: Any, /) -> None: ...


class Fits(Protocol):
    def __call__(self, content: Any, /, *, head: Any) -> None: ...


class OnSubmit(Protocol):
    def __call__(self, version: Any, /, *, now: datetime) -> Mapping[str, Any]: ...


class Approvals(Protocol):
    def __call__(self, content: Any, /) -> int: ...


class OnApproval(Protocol):
    def __call__(self, version: Any, /, *, now: datetime) -> Mapping[str, Any]: ...


class HeldBack(Protocol):
    def __call__(self, version: Any, /, *, now: datetime) -> str | None: ...


class Repeated(Protocol):
    def __call__(self, content: Any, /) -> Any: ...


class OnLive(Protocol):
    def __call__(self, version: Any, /, *, now: datetime) -> None: ...


class OnRetired(Protocol):
    def __call__(self, head: Any, /, *, now: datetime) -> None: ...


def _anywhere(content: Any, /, *, head: Any) -> None:
    return None


def _no_evidence(version: Any, /, *, now: datetime) -> Mapping[str, Any]:
    return {}


def _nothing(subject: Any, /, *, now: datetime) -> None:
    return None


def _one(content: Any, /) -> int:
    return 1


def _at_once(version: Any, /, *, now: datetime) -> str | None:
    return None


def _as_it_was(content: Any, /) -> Any:
    return content


@dataclass(frozen=True, slots=True)
class Governed:
    """The three models and the type's own part in each transition; every hook runs in the transition's transaction.

    `validate(content)` raises ContentInvalid; it is asked at draft, edit, submit and approval.
    `fits(content, head=)` raises ContentInvalid where a content means something, but not for this head; asked with it.
    `on_submit(version, now=)` returns the evidence to freeze (JSON): what approval would do, counted at that moment.
    `on_live(version, now=)` runs after the version went live and its predecessor, if any, was superseded.
    `on_retired(head, now=)` runs after the live version was retired.
    `approvals(content)` says how many people have to approve. A type that asks for more than one also has a database
    function `<version table>_approvals(content jsonb)`, or the database would let one be enough.
    `on_approval(version, now=)` runs before an approval is stored and returns further columns of its decision.
    `held_back(version, now=)` is asked once everybody approved: why it does not go live yet, None when it does.
    `repeated(content)` is what a roll-back copies of an old content.
    """

    # The concrete models; the foreign keys between them are theirs, so no abstract type could name them.
    head: Any
    version: Any
    decision: Any
    validate: Validate
    on_submit: OnSubmit = _no_evidence
    on_live: OnLive = _nothing
    on_retired: OnRetired = _nothing
    approvals: Approvals = _one
    on_approval: OnApproval = _no_evidence
    held_back: HeldBack = _at_once
    repeated: Repeated = _as_it_was
    fits: Fits = _anywhere

    def check(self, content: Any, /, *, head: Any) -> None:
        """Raises ContentInvalid unless the content could be a version of this head."""
        self.validate(content)
        self.fits(content, head=head)


def governed_of(head: GovernedHead | type[GovernedHead]) -> Governed:
    """Find the description that the head's class names in its `governed` attribute."""
    governed: Governed = import_string(head.governed)
    return governed
