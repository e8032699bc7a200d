"""A sender that keeps its pace whatever it is answered, and notes every answer: what an outage looks like from outside.

It never sends again. So what was answered with 200 must be stored, and what is stored must have been sent; how long an
answer took is counted from when it was due, so that a stalled server is not flattered by fewer questions.
"""

import statistics
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from tests.outages import Product

CUT = 0  # no answer at all: refused, reset, or timed out
_PATIENCE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: when it was due and asked (by the monotonic clock), what came back, how long after it was due."""

    due: float
    asked: float
    status: int
    seconds: float
    message_id: str
    retry_after: str = ""


@dataclass(slots=True)
class Sending:
    """What was asked and answered so far."""

    answers: list[Answer] = field(default_factory=list)
    sent: set[str] = field(default_factory=set)

    @property
    def acknowledged(self) -> set[str]:
        return {answer.message_id for answer in self.answers if answer.status == 200}

    def statuses(self) -> Counter[int]:
        return Counter(answer.status for answer in self.answers)

    def between(self, start: float, end: float) -> list[Answer]:
        """Return what was asked and answered within this time."""
        return [answer for answer in self.answers if start <= answer.asked and answer.due + answer.seconds < end]

    def first_after(self, moment: float, *, status: int = 200) -> float | None:
        """Return how many seconds after `moment` the first such answer came to a request of after it."""
        found = [answer for answer in self.answers if answer.asked >= moment and answer.status == status]
        return min((answer.due + answer.seconds - moment for answer in found), default=None)

    def problems(self, running: Product) -> list[str]:
        """Return what is wrong with the answers themselves and with what is stored, once all is applied."""
        stored = {message_id for (message_id,) in running.query("SELECT message_id FROM events")}
        found = []
        if lost := self.acknowledged - stored:
            found.append(f"{len(lost)} acknowledged events are not stored")
        if extra := stored - self.sent:
            found.append(f"{len(extra)} events are stored that nobody sent")
        if odd := self.statuses().keys() - {200, 429, 503, CUT}:
            found.append(f"answers that are neither success nor a turning away: {sorted(odd)}")
        if any(answer.status in (429, 503) and not answer.retry_after.isdigit() for answer in self.answers):
            found.append("a turning away without Retry-After")
        return found


def percentiles(answers: list[Answer]) -> str:
    """Tell p50, p95 and the worst, in milliseconds."""
    seconds = sorted(answer.seconds for answer in answers) or [0.0]
    p95 = seconds[min(len(seconds) - 1, int(len(seconds) * 0.95))]
    p50 = statistics.median(seconds)
    return f"p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms, worst {seconds[-1] * 1000:.0f} ms"


def p95(answers: list[Answer]) -> float:
    seconds = sorted(answer.seconds for answer in answers)
    return seconds[int(len(seconds) * 0.95)] if seconds else 0.0


@contextmanager
def open_loop(running: Product, *, per_second: float, senders: int = 8) -> Iterator[Sending]:
    """Send one event per request at this pace for the length of the block."""
    sending, stop = Sending(), threading.Event()
    started = time.monotonic() + 0.2
    every = senders / per_second
    threads = [
        threading.Thread(target=_keep_sending, args=(running, sending, stop, started + number / per_second, every))
        for number in range(senders)
    ]
    for thread in threads:
        thread.start()
    try:
        yield sending
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _keep_sending(running: Product, sending: Sending, stop: threading.Event, due: float, every: float) -> None:
    with httpx.Client(
        base_url=running.base_url, auth=(running.write_key, ""), timeout=_PATIENCE_SECONDS, trust_env=False
    ) as client:
        while not stop.wait(max(0.0, due - time.monotonic())):
            message_id = str(uuid.uuid4())
            sending.sent.add(message_id)
            asked = time.monotonic()
            status, retry_after = _post(client, message_id)
            sending.answers.append(Answer(due, asked, status, time.monotonic() - due, message_id, retry_after))
            due += every
            if status == CUT:
                due = max(due, time.monotonic())  # a request that waited for ten seconds does not cause a storm


def _post(client: httpx.Client, message_id: str) -> tuple[int, str]:
    event = {
        "type": "track",
        "event": "Product Viewed",
        "userId": f"open-{message_id[:2]}",
        "messageId": message_id,
        "timestamp": datetime.now(UTC).isoformat(),
    }
    try:
        answer = client.post("/v1/batch", json={"batch": [event]})
    except httpx.TransportError:
        return CUT, ""
    return answer.status_code, answer.headers.get("Retry-After", "")
