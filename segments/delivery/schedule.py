"""When an attempt is made again, and what an answer means: the published schedule of Standard Webhooks. Pure.

The answer's code decides: 2xx is success and nothing else is; a redirect is a failure and is not followed; 410 says
that nobody will ever listen here again; 429, 502 and 504 ask for less, with or without Retry-After.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

#: How long after the last attempt the next one is made; the first is made at once.
DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
ATTEMPTS = len(DELAYS) + 1
_JITTER = 0.2
#: A receiver may ask for patience; one that asks for more than this is asked again all the same.
_MOST_PATIENCE = timedelta(hours=24)
_PATIENT_STATUSES = frozenset({429, 502, 503, 504})
#: After so many failures in a row a destination rests between attempts, so that a dead one is not asked for everybody.
RESTS_AFTER = 5
FIRST_REST, LONGEST_REST = timedelta(seconds=5), timedelta(minutes=5)


class Outcome(StrEnum):
    """What an answer means for its message."""

    DELIVERED = "delivered"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or why there is none. `detail` is for people, and says nothing about anybody."""

    status: int | None
    reason: str
    milliseconds: int
    detail: str = ""
    retry_after: str = ""

    @property
    def outcome(self) -> Outcome:
        if self.status is not None and 200 <= self.status < 300:
            return Outcome.DELIVERED
        return Outcome.GONE if self.status == 410 else Outcome.FAILED


def next_try(*, made: int, answer: Answer, now: datetime) -> datetime | None:
    """Return when to try again after `made` attempts, with jitter; None where that was the last."""
    if made >= ATTEMPTS:
        return None
    delay = DELAYS[made - 1]
    due = now + delay + delay * random.uniform(0, _JITTER)  # noqa: S311  # spreads load, guards nothing
    return max(due, patience(answer, now=now) or due)


def patience(answer: Answer, *, now: datetime) -> datetime | None:
    """Return until when the receiver asked to be left alone, if it did: seconds, or a date of HTTP."""
    if answer.status not in _PATIENT_STATUSES or not answer.retry_after:
        return None
    asked = answer.retry_after.strip()
    if asked.isascii() and asked.isdigit():
        return now + min(timedelta(seconds=int(asked[:9])), _MOST_PATIENCE)
    try:
        until = parsedate_to_datetime(asked)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(until, now), now + _MOST_PATIENCE)


def rest(*, failures: int, now: datetime) -> datetime | None:
    """Return until when a destination rests that failed so many times in a row; None while it need not."""
    if failures < RESTS_AFTER:
        return None
    return now + min(FIRST_REST * (1 << min(failures - RESTS_AFTER, 10)), LONGEST_REST)
