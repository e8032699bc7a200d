"""How long until a segment is seen, and how long until it is left: a count-in-a-window rule under steady traffic.

    python -m tests.benchmarks.latency                     300 events/s for 60 s, a window of 10 s
    python -m tests.benchmarks.latency --window 600 --seconds 900      the long run

Each second one new person does what the rule asks for. Measured over REST, from the acknowledgement of their events to
the first answer that shows the segment, and from the end of their window to the first answer without it. Generator,
product and measurement share the machine.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from cdp.demo.client import as_person
from tests.outages import Product, product

SEGMENT = "busy-now"
NEEDED = 4
POLL_SECONDS = 0.04
GIVE_UP_SECONDS = 20


@dataclass(slots=True)
class Measured:
    """Seconds, one per person; and the people whose segment never showed, went too early or never went."""

    seen: list[float] = field(default_factory=list)
    left: list[float] = field(default_factory=list)
    never_seen: int = 0
    left_early: int = 0
    never_left: int = 0
    batches: int = 0
    refused: int = 0

    def row(self, name: str) -> dict[str, Any]:
        values = sorted(getattr(self, name))
        return {
            "n": len(values),
            "median": round(statistics.median(values), 3),
            "p95": round(values[int(len(values) * 0.95)], 3),
            "max": round(values[-1], 3),
        }


def measure(running: Product, *, seconds: int, window: int, rate: int, batch: int) -> Measured:
    """Run the traffic and return what was seen."""
    _publish(running, window)
    measured = Measured()
    limits = httpx.Limits(max_connections=64)
    with (
        httpx.Client(base_url=running.base_url, timeout=10, trust_env=False, limits=limits) as http,
        ThreadPoolExecutor(48) as watchers,
    ):
        started = time.monotonic()
        chance = random.Random(1)
        for number in range(seconds * rate // batch):
            time.sleep(max(0.0, started + number * batch / rate - time.monotonic()))
            watched = f"watched-{uuid.uuid4()}" if number % (rate // batch) == 0 else None
            events, first = _batch(chance, batch, watched)
            answer = http.post("/v1/batch", json=events, auth=(running.write_key, ""))
            acknowledged = time.monotonic()
            measured.batches += 1
            measured.refused += answer.status_code != 200
            if watched:
                watchers.submit(_watch, http, running.read_key, watched, acknowledged, first + window, measured)
    return measured


def _publish(running: Product, window: int) -> None:
    with httpx.Client(base_url=running.base_url, auth=(running.write_key, ""), trust_env=False) as http:
        http.post("/v1/batch", json=_batch(random.Random(0), 20, "somebody")[0]).raise_for_status()
    running.wait_until_applied()
    logins = running.facts["logins"]
    rule = {"event": "Product Viewed", "measure": "count", "op": ">=", "value": NEEDED, "within": f"{window}s"}
    with (
        as_person(running.base_url, **logins["author"]) as author,
        as_person(running.base_url, **logins["approver"]) as approver,
    ):
        path = f"/v1/governance/segments/{SEGMENT}"
        head = author.post(
            "/v1/governance/segments",
            {"key": SEGMENT, "name": SEGMENT, "content": {"rule": rule, "acknowledged": ["few_people"]}},
        )
        number = head["versions"][0]["number"]
        version = author.post(f"{path}/versions/{number}/submit", None)
        decision = {"comment": "for the measurement", "content_hash": version["content_hash"]}
        approver.post(f"{path}/versions/{number}/approve", decision)


def _batch(chance: random.Random, size: int, watched: str | None) -> tuple[dict[str, Any], float]:
    """Return a batch and when the watched person's events happened."""
    now = time.time()
    stamp = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    users = [watched] * NEEDED if watched else []
    users += [f"passer-by-{chance.randrange(5000)}" for _ in range(size - len(users))]
    events = [
        {
            "type": "track",
            "event": "Product Viewed" if user == watched else chance.choice(["Page Read", "Product Viewed"]),
            "userId": user,
            "messageId": str(uuid.uuid4()),
            "timestamp": stamp,
            "properties": {"sku": chance.randrange(1000)},
        }
        for user in users
    ]
    return {"batch": events, "sentAt": stamp}, now


def _watch(http: httpx.Client, key: str, user: str, acknowledged: float, ends_at: float, measured: Measured) -> None:
    seen = _until(http, key, user, member=True)
    if seen is None:
        measured.never_seen += 1
        return
    measured.seen.append(seen - acknowledged)
    time.sleep(max(0.0, ends_at - 0.3 - time.time()))
    while time.time() < ends_at:
        if not _is_member(http, key, user):
            measured.left_early += 1
            return
        time.sleep(POLL_SECONDS)
    if _until(http, key, user, member=False) is None:
        measured.never_left += 1
        return
    measured.left.append(time.time() - ends_at)


def _until(http: httpx.Client, key: str, user: str, *, member: bool) -> float | None:
    until = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < until:
        if _is_member(http, key, user) is member:
            return time.monotonic()
        time.sleep(POLL_SECONDS)
    return None


def _is_member(http: httpx.Client, key: str, user: str) -> bool:
    answer = http.get(f"/v1/profiles/user_id:{user}", headers={"Authorization": f"Bearer {key}"})
    if answer.status_code == 404:
        return False
    answer.raise_for_status()
    return any(segment["key"] == SEGMENT for segment in answer.json()["segments"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.latency", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--window", type=int, default=10)
    parser.add_argument("--rate", type=int, default=300, help="events a second")
    parser.add_argument("--batch", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdp-latency-") as folder, product(Path(folder)) as running:
        measured = measure(
            running, seconds=arguments.seconds, window=arguments.window, rate=arguments.rate, batch=arguments.batch
        )
    json.dump(
        {
            "events_per_second": arguments.rate,
            "seen_after_acknowledgement_s": measured.row("seen"),
            "left_after_window_s": measured.row("left"),
            "never_seen": measured.never_seen,
            "left_early": measured.left_early,
            "never_left": measured.never_left,
            "batches": measured.batches,
            "refused": measured.refused,
        },
        sys.stdout,
        indent=2,
    )
    print()
    return int(bool(measured.never_seen or measured.left_early or measured.never_left or measured.refused))


if __name__ == "__main__":
    sys.exit(main())
