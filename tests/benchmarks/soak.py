"""Steady traffic for minutes against the whole product as real processes: does anything grow?

    python -m tests.benchmarks.soak --per-minute 48000 --minutes 10

Batches are sent at their appointed times whether or not the ones before them have been answered, so a product that
slows down is not spared. Each second a person nobody has heard of sends one event; measured is the time from sending it
to the first answer over REST that counts it. Generator, product and measurement share the machine.

The verdict: no batch refused, the lag to visible at its 95th percentile at most a second and not growing, nothing left
to wait, and memory after the second minute within a tenth of what it was then.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil

from tests.benchmarks import workload
from tests.outages import Product, product

SENDERS = 32
WATCHERS = 24
POLL_SECONDS = 0.05
LOOK_EVERY = 60  # batches: memory is the median of several looks a minute, since a vacuum comes and goes
GIVE_UP_SECONDS = 30
MOST_LAG_SECONDS = 1.0
MEMORY_MAY_MOVE = 0.1
KINDS = ("web", "worker", "postgres")
_MIB = 1024 * 1024
_PENDING = """
SELECT coalesce(sum(event_count), 0)::bigint,
       coalesce(extract(epoch FROM clock_timestamp() - min(received_at)), 0)::float
  FROM inbox WHERE state = 0
"""


@dataclass(slots=True)
class Minute:
    """What one minute showed."""

    sent: int = 0
    refused: int = 0
    pending: int = 0
    oldest_seconds: float = 0.0
    memory: Mapping[str, float] = field(default_factory=dict)
    lags: list[float] = field(default_factory=list)
    unseen: int = 0

    def lag(self, share: float) -> float:
        return sorted(self.lags)[int(len(self.lags) * share)] if self.lags else float(GIVE_UP_SECONDS)

    def line(self, number: int) -> str:
        memory = "  ".join(f"{kind} {size:.0f}" for kind, size in self.memory.items())
        return (
            f"minute {number:>2}  sent {self.sent:>6}  refused {self.refused}  pending {self.pending:>5}"
            f" (oldest {self.oldest_seconds:.2f} s)  visible p50 {self.lag(0.5):.2f} s p95 {self.lag(0.95):.2f} s"
            f" unseen {self.unseen}  MiB: {memory}"
        )


class Traffic:
    """An open-loop sender and the probes beside it; both write into the minute they were due in."""

    def __init__(self, running: Product, *, per_minute: int, minutes: int, people: int) -> None:
        self.running = running
        self.minutes = [Minute() for _ in range(minutes)]
        self.pause = 60 * workload.BATCH / per_minute
        self.bodies = _bodies(per_minute, people)
        limits = httpx.Limits(max_connections=SENDERS + WATCHERS)
        self.http = httpx.Client(base_url=running.base_url, timeout=30, trust_env=False, limits=limits)
        self.senders, self.watchers = ThreadPoolExecutor(SENDERS), ThreadPoolExecutor(WATCHERS)

    def run(self) -> Iterator[Minute]:
        """Send; yield each minute once it is over."""
        started = time.monotonic()
        threading.Thread(target=self._keep_probing, args=(started,), daemon=True).start()
        number = 0
        for position, minute in enumerate(self.minutes, 1):
            ends, looks = started + 60 * position, []
            while (due := started + number * self.pause) < ends:
                time.sleep(max(0.0, due - time.monotonic()))
                self.senders.submit(self._send, self.bodies[number % len(self.bodies)], minute)
                number += 1
                if number % LOOK_EVERY == 0:
                    looks.append(self.watchers.submit(memory_of, self.running))
            time.sleep(max(0.0, ends - time.monotonic()))
            (minute.pending, minute.oldest_seconds) = self.running.query(_PENDING)[0]
            minute.memory = _typical([look.result() for look in looks])
            yield minute
        self.senders.shutdown()
        self.watchers.shutdown()

    def _send(self, body: str, minute: Minute) -> None:
        fresh = body.replace("#id#", uuid.uuid4().hex).replace("#at#", _stamp())
        headers = {"Content-Type": "application/json"}
        answer = self.http.post("/v1/batch", content=fresh, headers=headers, auth=(self.running.write_key, ""))
        minute.sent += workload.BATCH
        minute.refused += answer.status_code != 200

    def _keep_probing(self, started: float) -> None:
        for second in range(60 * len(self.minutes) - 2):
            time.sleep(max(0.0, started + second - time.monotonic()))
            self.watchers.submit(self._probe, self.minutes[second // 60])

    def _probe(self, minute: Minute) -> None:
        user = f"probe-{uuid.uuid4()}"
        event = {"type": "track", "event": "Probed", "userId": user, "messageId": user, "timestamp": _stamp()}
        sent = time.monotonic()
        self.http.post("/v1/batch", json={"batch": [event], "sentAt": _stamp()}, auth=(self.running.write_key, ""))
        while time.monotonic() - sent < GIVE_UP_SECONDS:
            if self._is_seen(user):
                minute.lags.append(time.monotonic() - sent)
                return
            time.sleep(POLL_SECONDS)
        minute.unseen += 1

    def _is_seen(self, user: str) -> bool:
        headers = {"Authorization": f"Bearer {self.running.read_key}"}
        answer = self.http.get(f"/v1/profiles/user_id:{user}", headers=headers)
        return answer.status_code == 200 and answer.json()["event_count"] > 0


def _bodies(per_minute: int, people: int) -> list[str]:
    """A minute's batches of the stated workload; ids and times are filled in when they are sent."""
    workload.PEOPLE, workload.EVENTS = people, per_minute
    bodies = []
    for number, body in enumerate(workload.batches(workload.events(end=datetime.now(UTC)), sent_at=datetime.now(UTC))):
        batch = json.loads(body)
        for position, event in enumerate(batch["batch"]):
            event |= {"messageId": f"#id#-{number}-{position}", "timestamp": "#at#"}
        bodies.append(json.dumps(batch | {"sentAt": "#at#"}, separators=(",", ":")))
    return bodies


def _stamp() -> str:
    return (datetime.now(UTC) - timedelta(milliseconds=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def memory_of(running: Product) -> dict[str, float]:
    """Return MiB by kind of process: each page divided among those who share it."""
    found = dict.fromkeys(KINDS, 0.0)
    for process in [*running.command.descendants(), *_tree(running.postmaster())]:
        try:
            kind = _kind(process)
            if kind:
                found[kind] += _size(process, kind) / _MIB
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            continue  # it ended while it was looked at
    return found


def _typical(looks: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return (
        {kind: statistics.median(look[kind] for look in looks) for kind in KINDS}
        if looks
        else dict.fromkeys(KINDS, 0.0)
    )


def _tree(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _kind(process: psutil.Process) -> str:
    words = " ".join(process.cmdline())
    if "postgres" in process.name():
        return "postgres"
    if "granian" in words:
        return "web"
    return "worker" if "celery" in words and "worker" in words else ""


def _size(process: psutil.Process, kind: str) -> int:
    if kind == "postgres":
        return _of_its_own(process.pid)
    try:
        return int(process.memory_full_info().pss)
    except (AttributeError, psutil.AccessDenied):
        return int(process.memory_info().rss)


def _of_its_own(pid: int) -> int:
    """Return what a process of PostgreSQL holds itself, without the shared buffers.

    These are of a fixed size and fill once; a page of them that only one process has looked at passes for its own by
    any other count.
    """
    told = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in told if line.startswith("Pss_Anon:"))


def faults(minutes: Sequence[Minute]) -> list[str]:
    """Return what speaks against the run; empty when it holds."""
    told = []
    if refused := sum(minute.refused for minute in minutes):
        told.append(f"{refused} batches were refused")
    if unseen := sum(minute.unseen for minute in minutes):
        told.append(f"{unseen} probes were never seen")
    settled = minutes[1:] or minutes
    slow = [minute.lag(0.95) for minute in settled if minute.lag(0.95) > MOST_LAG_SECONDS]
    if slow:
        told.append(f"in {len(slow)} minutes the lag to visible was above {MOST_LAG_SECONDS} s (p95 {max(slow):.2f} s)")
    half = len(settled) // 2
    if half and _middle(settled[half:]) > 2 * _middle(settled[:half]) + 0.1:
        told.append(f"the lag grew from {_middle(settled[:half]):.2f} s to {_middle(settled[half:]):.2f} s")
    before, *later = (sum(minute.memory.values()) for minute in settled)
    most = max((abs(held - before) for held in later), default=0.0)
    if most > MEMORY_MAY_MOVE * before:
        told.append(f"the memory of all processes moved by {most / before:.0%} after the second minute")
    return told


def _middle(minutes: Sequence[Minute]) -> float:
    lags = sorted(minute.lag(0.95) for minute in minutes)
    return lags[len(lags) // 2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--per-minute", type=int, default=48_000, help="events")
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--people", type=int, default=20_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdp-soak-") as folder, product(Path(folder)) as running:
        traffic = Traffic(running, per_minute=asked.per_minute, minutes=asked.minutes, people=asked.people)
        for number, minute in enumerate(traffic.run(), 1):
            print(minute.line(number), flush=True)
        running.wait_until_applied()
        told = faults(traffic.minutes)
        totals = running.totals()
    if totals["stored"] + totals["duplicate"] + totals["rejected"] != totals["accepted"]:
        told.append(f"the accounting does not add up: {totals}")
    print(f"accepted {totals['accepted']}, stored {totals['stored']}:", "; ".join(told) or "it holds")
    return int(bool(told))


if __name__ == "__main__":
    sys.exit(main())
