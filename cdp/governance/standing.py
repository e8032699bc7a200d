"""Where a version in review stands, for the doors: who approved it, whose approval is missing, what it waits for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdp.governance import approvals
from cdp.governance.governed import Governed
from cdp.governance.models import State


@dataclass(frozen=True, slots=True)
class Standing:
    """`waits` says why an approved version is not live; None while approvals are missing, or when it may go live."""

    approver_ids: tuple[int, ...]
    missing: int
    waits: str | None

    @property
    def is_begun(self) -> bool:
        """Somebody approved: the content is fixed."""
        return bool(self.approver_ids)

    @property
    def is_approved(self) -> bool:
        return self.is_begun and not self.missing

    @property
    def told(self) -> str:
        """The standing as a sentence."""
        if self.missing:
            people = "person" if self.missing == 1 else "people"
            more = "more " if self.is_begun else ""
            return f"It needs the approval of {self.missing} {more}{people}."
        if self.waits:
            return f"It is approved and {self.waits}."
        return "Its time has come: approve it once more, and it goes live."

    def awaits(self, person_id: int) -> bool:
        """Whether an approval by this person would count now."""
        if self.missing:
            return person_id not in self.approver_ids
        return self.waits is None


def standing_of(governed: Governed, version: Any, *, now: datetime) -> Standing | None:
    """Say where a version stands; None of one that nobody can approve."""
    if version.state != State.REVIEW:
        return None
    given = tuple(dict.fromkeys(approvals.approver_ids(governed, version)))
    missing = max(0, governed.approvals(version.content) - len(given))
    waits = approvals.held_back(governed, version, now=now) if given and not missing else None
    return Standing(given, missing, waits)
