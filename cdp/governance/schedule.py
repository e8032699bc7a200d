"""When an approved content begins and ends: `"starts_at"` and `"ends_at"`, moments with their offset, [start, end).

They are part of the content, hence hashed, approved and fixed with it, and the database reads them there too: nothing
goes live before its start, and what has reached its end goes away without another decision (guards.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdp.governance.errors import ContentInvalid
from cdp.problems import FieldError

STARTS_AT, ENDS_AT = "starts_at", "ends_at"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A side that is None is open."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def has_begun(self, now: datetime) -> bool:
        return self.starts_at is None or self.starts_at <= now

    def has_ended(self, now: datetime) -> bool:
        return self.ends_at is not None and self.ends_at <= now


def schedule_of(content: Any) -> Schedule:
    """Read the schedule of a content; one without any is always on. Raises ContentInvalid."""
    if not isinstance(content, Mapping):
        return Schedule()
    schedule = Schedule(_moment(content, STARTS_AT), _moment(content, ENDS_AT))
    if schedule.starts_at and schedule.ends_at and schedule.ends_at <= schedule.starts_at:
        raise _invalid(ENDS_AT, "The end does not come after the start.")
    return schedule


def _moment(content: Mapping[str, Any], field: str) -> datetime | None:
    written = content.get(field)
    if written is None:
        return None
    wanted = f'"{field}" is a moment with its offset, such as 2026-03-01T08:00:00+01:00.'
    if not isinstance(written, str):
        raise _invalid(field, wanted)
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise _invalid(field, wanted) from None
    # Without an offset the database would read it in the zone of its session, and people in theirs.
    if moment.tzinfo is None or len(written) < len("2026-03-01T08:00Z"):
        raise _invalid(field, wanted)
    return moment


def _invalid(field: str, message: str) -> ContentInvalid:
    return ContentInvalid(message, errors=(FieldError(field, message),))
