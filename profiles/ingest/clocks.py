"""When an event happened: what its sender's clock said, corrected by what that clock said when it was sent."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from profiles.ingest.incoming import ClockFlag, RejectionCode

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
FARTHEST_AHEAD = timedelta(hours=24)
SKEW_WORTH_A_FLAG = timedelta(minutes=5)


class TimeRefused(Exception):
    def __init__(self, code: RejectionCode, field: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.field = field
        self.reason = reason


class Times(NamedTuple):
    original_at: datetime | None
    sent_at: datetime | None
    ts: datetime
    clock_flag: ClockFlag


def parse(text: object, *, field: str) -> datetime | None:
    """Read ISO-8601; a time without an offset is UTC. Absent and empty are None. Raises TimeRefused."""
    if text is None or text == "":
        return None
    try:
        moment = datetime.fromisoformat(text)  # type: ignore[arg-type]  # the TypeError is part of the answer
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        raise TimeRefused(RejectionCode.INVALID_TIME, field, "is not an ISO-8601 time") from None


def correct(
    *, timestamp: datetime | None, original: datetime | None, sent_at: datetime | None, received_at: datetime
) -> Times:
    """Return the four times of an event. Raises TimeRefused when the corrected one cannot be true.

    A caller who gives `timestamp` beside an SDK's `originalTimestamp` means that moment (a RudderStack import of old
    events): it is used as it is. Everything else was read off the sender's clock, and is moved by how far that clock
    was off when the request was sent.
    """
    field = "timestamp" if timestamp else "originalTimestamp"
    stated = original or timestamp
    if stated is None:
        return Times(None, sent_at, received_at, ClockFlag.AS_GIVEN)
    flag = ClockFlag.AS_GIVEN
    try:
        if original and timestamp:
            ts = timestamp
        elif sent_at:
            skew = received_at - sent_at
            ts = stated + skew
            if abs(skew) > SKEW_WORTH_A_FLAG:
                flag = ClockFlag.SKEWED
        else:
            ts = stated
    except OverflowError:
        raise TimeRefused(RejectionCode.INVALID_TIME, field, "lies outside the calendar once corrected") from None
    if ts > received_at:
        if ts - received_at > FARTHEST_AHEAD:
            raise TimeRefused(RejectionCode.TIME_AHEAD, field, "lies more than 24 hours ahead once corrected")
        ts, flag = received_at, ClockFlag.CLAMPED
    if ts < EARLIEST:
        raise TimeRefused(RejectionCode.TIME_TOO_OLD, field, "lies before the year 2000 once corrected")
    return Times(stated, sent_at, ts, flag)
