"""One subject at fifty times everybody else's rate, with a long history: how much later are the others seen?

    python -m tests.faults.hot_key --rounds 4 --seconds 10 --history 20000

Real processes, an open loop at a fixed rate, calm and hot phases in turn within one run. The lag of an event is the
time from its acknowledgement to the evaluation that saw it, asked of the database twice a second.
"""

import argparse
import random
import statistics
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tests.outages import Product, product

SUBJECTS = 200
PER_SECOND = 40.0
TIMES = 50
BATCH = 100
BAR = 1.2
HOT = "hot-subject"
_SEEN = """
SELECT event_id, extract(epoch FROM evaluated_at - received_at)::float
  FROM events JOIN origin ON origin.id = origin_id JOIN profile ON profile.id = root_id
 WHERE events.applied_at > clock_timestamp() - interval '6 seconds' AND evaluated_at >= events.applied_at
   AND events.properties->>'phase' = %s
"""


@dataclass(slots=True)
class Phase:
    """One stretch of load; `lags` by event id, the first evaluation after each event."""

    name: str
    hot_per_second: float
    lags: dict[int, float] = field(default_factory=dict)


def run(*, rounds: int, seconds: float, history: int, folder: Path) -> dict[str, list[float]]:
    """Alternate calm and hot phases; return all lags of the others by kind of phase."""
    found: dict[str, list[float]] = {"calm": [], "hot": []}
    with product(folder) as running:
        _give_a_history(running, history)
        _load(running, Phase("warm", 0.0), seconds=min(seconds, 3.0))
        for number in range(rounds):
            for kind, rate in (("calm", 0.0), ("hot", TIMES * PER_SECOND / SUBJECTS)):
                phase = Phase(f"{kind}-{number}", rate)
                _load(running, phase, seconds=seconds)
                found[kind] += phase.lags.values()
    return found


def _give_a_history(running: Product, events: int) -> None:
    with _door(running) as door:
        for start in range(0, events, BATCH):
            _send(door, [_event(HOT, "history") for _ in range(min(BATCH, events - start))])
    running.wait_until_applied(seconds=300)


def _load(running: Product, phase: Phase, *, seconds: float) -> None:
    """Send at fixed moments, whatever the answers take; watch meanwhile and a little longer."""
    done = threading.Event()
    senders = [threading.Thread(target=_pace, args=(running, phase.name, PER_SECOND, None, seconds))]
    if phase.hot_per_second:
        senders.append(threading.Thread(target=_pace, args=(running, "", phase.hot_per_second, HOT, seconds)))
    watcher = threading.Thread(target=_watch, args=(running, phase, done))
    watcher.start()
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    time.sleep(3)
    done.set()
    watcher.join()


def _pace(running: Product, phase: str, per_second: float, subject: str | None, seconds: float) -> None:
    chance = random.Random(phase)
    began = time.monotonic()
    with _door(running) as door:
        for number in range(int(per_second * seconds)):
            time.sleep(max(0.0, began + number / per_second - time.monotonic()))
            _send(door, [_event(subject or f"subject-{chance.randrange(SUBJECTS)}", phase)])


def _watch(running: Product, phase: Phase, done: threading.Event) -> None:
    while not done.wait(0.5):
        for event, lag in running.query(_SEEN, phase.name):
            phase.lags.setdefault(event, lag)


def _event(subject: str, phase: str) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Product Viewed",
        "userId": subject,
        "messageId": str(uuid.uuid4()),
        "timestamp": datetime.now(UTC).isoformat(),
        "properties": {"phase": phase, "category": "shoes", "revenue": 5},
    }


def _door(running: Product) -> httpx.Client:
    return httpx.Client(base_url=running.base_url, auth=(running.write_key, ""), timeout=30, trust_env=False)


def _send(door: httpx.Client, events: list[dict[str, Any]]) -> None:
    door.post("/v1/batch", json={"batch": events}).raise_for_status()


def p95(lags: list[float]) -> float:
    return statistics.quantiles(lags, n=20)[-1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.hot_key", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--history", type=int, default=20_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdp-hot-") as house:
        Path(house).chmod(0o755)
        found = run(
            rounds=arguments.rounds,
            seconds=arguments.seconds,
            history=arguments.history,
            folder=Path(house) / "var",
        )
    calm, hot = p95(found["calm"]), p95(found["hot"])
    for kind, lags in found.items():
        print(
            f"{kind:<5} {len(lags):>6} events of others: median {statistics.median(lags):.3f} s, p95 {p95(lags):.3f} s"
        )
    print(f"p95 with one subject at {TIMES}× ÷ without: {hot / calm:.2f} (bar < {BAR})")
    return int(hot / calm >= BAR)


if __name__ == "__main__":
    sys.exit(main())
