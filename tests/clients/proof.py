"""What must hold for every client: what it sent is stored once, through an outage too; in health nobody retries."""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from tests.clients.counting_proxy import CountingProxy
from tests.outages import Product, product

EVENTS = 2_000
OUTAGE_SECONDS = 3


class Weather(Enum):
    HEALTHY = "healthy"
    OUTAGE = "one outage"


@dataclass(slots=True)
class Run:
    """One client sending once. The name of its events is the run's own, so that they are found again."""

    client: str
    weather: Weather
    proxy: CountingProxy
    sent: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)  # what the client or its page said beside failed requests

    @property
    def event(self) -> str:
        return f"{self.client}, {self.weather.value}"

    def problems(self, running: Product) -> list[str]:
        """Compare what was sent with what is stored; return what is wrong in words."""
        running.wait_until_applied(seconds=180)
        found = [row[0] for row in running.query("SELECT message_id FROM events WHERE name = %s", self.event)]
        stored, problems = set(found), list(self.complaints)
        for count, told in (
            (abs(len(self.sent) - EVENTS), f"events were not sent, or sent too often, of {EVENTS}"),
            (len(self.sent - stored), "events were sent and are not stored"),
            (len(stored - self.sent), "events are stored and were not sent"),
            (len(found) - len(stored), "events are stored twice"),
        ):
            if count:
                problems.append(f"{count} {told}")
        statuses = self.proxy.statuses
        if self.weather is Weather.HEALTHY and (set(statuses) != {200} or self.proxy.repeats):
            problems.append(f"something was sent again: {dict(statuses)}, {self.proxy.repeats} repeats")
        if self.weather is Weather.OUTAGE and not sum(statuses.values()) > statuses[200]:
            problems.append("the outage was not noticed: nothing was proven")
        return problems

    def in_words(self, problems: list[str]) -> str:
        told = f"{len(self.sent):>6,} sent, answers {dict(sorted(self.proxy.statuses.items()))}"
        verdict = "; ".join(problems) if problems else "stored = sent, each once"
        return f"{self.client:<40} {self.weather.value:<11} {told}; {self.proxy.repeats} repeats; {verdict}"


class Outage:
    """PostgreSQL stopped at once, and again whenever it is back, for three seconds."""

    def __init__(self, running: Product) -> None:
        self._running = running
        self._thread = threading.Thread(target=self._last)

    def begin(self) -> None:
        self._running.kill_postgres()
        self._thread.start()

    def wait(self) -> None:
        self._thread.join()

    def _last(self) -> None:
        until = time.monotonic() + OUTAGE_SECONDS
        while time.monotonic() < until:
            self._running.kill_postgres()
            time.sleep(0.2)


@contextmanager
def own_product() -> Iterator[Product]:
    """Run the product on a folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="cdp-clients-") as folder:
        Path(folder).chmod(0o755)
        with product(Path(folder) / "var") as running:
            yield running
