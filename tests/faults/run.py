"""A bounded fault run over HTTP: events flow while workers, PostgreSQL and Valkey are killed; afterwards it is counted.

    python -m tests.faults.run --seeds 1 2 3 --events 20000

Everything it loads and kills it has started itself, on loopback, in a folder of its own.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from cdp.demo.client import Door, as_person
from cdp.demo.rules import bring_to_life
from tests.outages import Product, product
from tests.running import ROOT

BATCH = 50
PEOPLE = 400
SHARE_OF_DUPLICATES = 0.05
NAMES = ["Product Viewed"] * 6 + ["Product Added"] * 2 + ["Order Completed"] * 2


@dataclass(slots=True)
class Outcome:
    """What a run found; `problems` is empty when every promise held."""

    seed: int
    sent: int = 0
    refused_requests: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        faults = ", ".join(f"{count} × {name}" for name, count in self.faults.items())
        verdict = "; ".join(self.problems) or "0 lost, 0 doubled, 0 memberships differ"
        return f"seed {self.seed}: {self.sent} events, {self.refused_requests} requests repeated, {faults}: {verdict}"


def run(*, seed: int, events: int, folder: Path) -> Outcome:
    """Send `events` while each fault happens at least twice, wait for calm, compare."""
    outcome = Outcome(seed)
    with product(folder) as running:
        _make_rules(running)
        before = {message_id for (message_id,) in running.query("SELECT message_id FROM events")}
        stop = threading.Event()
        faults = threading.Thread(target=_faults, args=(running, seed, outcome, stop))
        faults.start()
        sent = _send(running, seed=seed, events=events, outcome=outcome, until_faulted=faults)
        stop.set()
        faults.join()
        running.wait_until_applied(seconds=120)
        time.sleep(3)  # windows of ten seconds end, and the sweep of each second notes it
        running.wait_until_applied(seconds=30)
        _compare(running, sent=sent, before=before, outcome=outcome)
    return outcome


def _make_rules(running: Product) -> None:
    """Teach the catalogue its words, then have the sample's segments approved."""
    now = datetime.now(UTC)
    _post(running, [event for number in range(20) for event in _history(random.Random(number), f"warm-{number}", now)])
    running.wait_until_applied()
    logins = running.facts["logins"]
    with (
        as_person(running.base_url, **logins["author"]) as author,
        as_person(running.base_url, **logins["approver"]) as approver,
    ):
        bring_to_life(author=author, approver=approver)
    with Door(running.base_url, key=running.read_key) as reading:
        until = time.monotonic() + 60
        while any(segment["status"] == "backfilling" for segment in reading.get("/v1/segments")):
            assert time.monotonic() < until, "the segments did not become ready"
            time.sleep(0.3)


def _history(chance: random.Random, user: str, now: datetime) -> Iterator[dict[str, Any]]:
    """Every kind of event the run knows, about one person."""
    traits = {"email": f"{user}@example.com", "country": chance.choice(["DE", "AT", "FR"])}
    yield {"type": "identify", "userId": user, "traits": traits, "messageId": str(uuid.uuid4())}
    for name in sorted(set(NAMES)):
        yield _event(chance, user, name, now)


def _event(chance: random.Random, user: str, name: str, now: datetime) -> dict[str, Any]:
    who = {"anonymousId": f"device-{user}"} if chance.random() < 0.2 else {"userId": user}
    if chance.random() < 0.05:
        who = {"userId": user, "anonymousId": f"device-{user}"}
    return {
        "type": "track",
        "event": name,
        **who,
        "messageId": str(uuid.UUID(int=chance.getrandbits(128))),
        "timestamp": (now - timedelta(seconds=chance.randrange(0, 86_400 * 100))).isoformat(),
        "properties": {"revenue": round(chance.uniform(-20, 300), 2), "category": chance.choice(["shoes", "books"])},
    }


def _batches(seed: int, events: int) -> Iterator[list[dict[str, Any]]]:
    chance = random.Random(seed)
    now = datetime.now(UTC)
    earlier: list[list[dict[str, Any]]] = []
    for _ in range(events // BATCH):
        batch = [_event(chance, f"u-{chance.randrange(PEOPLE)}", chance.choice(NAMES), now) for _ in range(BATCH)]
        for number in range(2):
            user = f"u-{chance.randrange(PEOPLE)}"
            batch[number] = {
                "type": "identify",
                "userId": user,
                "anonymousId": f"device-{user}",
                "messageId": str(uuid.UUID(int=chance.getrandbits(128))),
                "traits": {"country": chance.choice(["DE", "AT", "FR", None]), "email": f"{user}@example.com"},
            }
        earlier.append(batch)
        yield batch
        if chance.random() < SHARE_OF_DUPLICATES:
            yield chance.choice(earlier)


def _send(running: Product, *, seed: int, events: int, outcome: Outcome, until_faulted: threading.Thread) -> set[str]:
    """Deliver every batch until it is accepted, as an SDK would; slow enough that all faults fall into the run."""
    sent: set[str] = set()
    for batch in _batches(seed, events):
        outcome.refused_requests += _post(running, batch)
        sent |= {event["messageId"] for event in batch}
        if until_faulted.is_alive():
            time.sleep(0.05)
    outcome.sent = len(sent)
    return sent


def _post(running: Product, batch: list[dict[str, Any]]) -> int:
    """Return how often the batch had to be sent again."""
    for attempt in range(200):
        try:
            answer = httpx.post(
                f"{running.base_url}/v1/batch",
                json={"batch": batch, "sentAt": datetime.now(UTC).isoformat()},
                auth=(running.write_key, ""),
                timeout=10,
                trust_env=False,
            )
            if answer.status_code == 200:
                return attempt
            assert answer.status_code in {429, 503}, f"{answer.status_code} {answer.text[:300]}"
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError("a batch was refused for 40 s")


def _faults(running: Product, seed: int, outcome: Outcome, stop: threading.Event) -> None:
    chance = random.Random(seed * 7)
    kinds = {
        "worker kill -9": running.kill_workers,
        "immediate stop of PostgreSQL": running.kill_postgres,
        "FLUSHALL": running.flush_valkey,
        "kill -9 of Valkey": running.kill_valkey,
    }
    order = [name for name in kinds for _ in range(2)]
    chance.shuffle(order)
    time.sleep(1)
    for name in order:
        kinds[name]()
        outcome.faults[name] = outcome.faults.get(name, 0) + 1
        if stop.wait(chance.uniform(1.5, 3.0)):
            time.sleep(1.0)


def _compare(running: Product, *, sent: set[str], before: set[str], outcome: Outcome) -> None:
    stored = [message_id for (message_id,) in running.query("SELECT message_id FROM events")]
    found = set(stored) - before
    outcome.totals = running.totals()
    totals = outcome.totals
    problems = outcome.problems
    if missing := sent - found:
        problems.append(f"{len(missing)} events lost")
    if extra := found - sent:
        problems.append(f"{len(extra)} events nobody sent")
    if len(stored) != len(set(stored)):
        problems.append(f"{len(stored) - len(set(stored))} events doubled")
    if totals["accepted"] != totals["stored"] + totals["duplicate"] + totals["rejected"] + totals["pending"]:
        problems.append(f"the accounts do not balance: {totals}")
    if totals["rejected"] or totals["pending"]:
        problems.append(f"events rejected or pending: {totals}")
    wrong_counts = running.query(
        "SELECT count(*) FROM profile p LEFT JOIN (SELECT o.root_id, count(*) AS n FROM events e"
        " JOIN origin o ON o.id = e.origin_id GROUP BY 1) e ON e.root_id = p.id"
        " WHERE p.merged_into IS NULL AND p.event_count <> coalesce(e.n, 0)"
    )[0][0]
    if wrong_counts:
        problems.append(f"{wrong_counts} people with a wrong number of events")
    members = running.query("SELECT count(*) FROM membership WHERE left_at IS NULL")[0][0]
    if not members:
        problems.append("nobody is in any segment: nothing was proven")
    problems.extend(_membership_problems(running))


def _membership_problems(running: Product) -> list[str]:
    environment = {"CDP_DATA_DIR": str(running.folder), "CDP_BOOTSTRAP": "0", "CDP_LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "verify_memberships"],
        env=environment | {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0 and "0 memberships differ" in done.stdout:
        return []
    return [done.stdout[-500:] + done.stderr[-500:]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.run", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--events", type=int, default=20_000)
    arguments = parser.parse_args()
    failed = False
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory(prefix="cdp-faults-") as folder:
            outcome = run(seed=seed, events=arguments.events, folder=Path(folder))
        print(outcome, flush=True)
        failed = failed or bool(outcome.problems)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
