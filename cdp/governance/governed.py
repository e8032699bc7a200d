"""What a type of governed object supplies to the lifecycle."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.utils.module_loading import import_string

from cdp.governance.models import GovernedHead


class Validate(Protocol):
    def __call__(self, content: Any, /) -> None: ...


class OnSubmit(Protocol):
    def __call__(self, version: Any, /, *, now: datetime) -> Mapping[str, Any]: ...


class OnLive(Protocol):
    def __call__(self, version: Any, /, *, now: datetime) -> None: ...


class OnRetired(Protocol):
    def __call__(self, head: Any, /, *, now: datetime) -> None: ...


def _no_evidence(version: Any, /, *, now: datetime) -> Mapping[str, Any]:
    return {}


def _nothing(subject: Any, /, *, now: datetime) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Governed:
    """The three models and the type's own part in each transition; every hook runs in the transition's transaction.

    `validate(content)` raises ContentInvalid; it is asked at draft, edit, submit and approval.
    `on_submit(version, now=)` returns the evidence to freeze (JSON): what approval would do, counted at that moment.
    `on_live(version, now=)` runs after the version went live and its predecessor, if any, was superseded.
    `on_retired(head, now=)` runs after the live version was retired.
    """

    # The concrete models; the foreign keys between them are theirs, so no abstract type could name them.
    head: Any
    version: Any
    decision: Any
    validate: Validate
    on_submit: OnSubmit = _no_evidence
    on_live: OnLive = _nothing
    on_retired: OnRetired = _nothing


def governed_of(head: GovernedHead | type[GovernedHead]) -> Governed:
    """Find the description that the head's class names in its `governed` attribute."""
    governed: Governed = import_string(head.governed)
    return governed
