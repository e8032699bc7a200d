"""A bounded fault run over HTTP: events flow while workers, PostgreSQL and Valkey are killed; afterwards it is counted.

    python -m tests.faults.run --seeds 1 2 3                     20,000 events, each fault at least twice
    python -m tests.faults.run --long --seeds 1 2 3 --log FILE   200,000 events, 28 faults

Everything it loads and kills it has started itself, on loopback, in a folder of its own.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cdp.demo.client import Door, as_person
from cdp.demo.rules import LIVE, Definition, bring_to_life
from tests.faults import comparison
from tests.faults.senders import deliver, send
from tests.faults.traffic import BATCH, Event, Said, Traffic, history, said
from tests.outages import Product, product

WORKERS, POSTGRES = "SIGKILL of all workers", "immediate stop of PostgreSQL"
FLUSH, VALKEY = "FLUSHALL", "SIGKILL of Valkey"
_WORKING_AGAIN_SECONDS = 40


@dataclass(frozen=True, slots=True)
class Size:
    """How much is sent, about how many, while what happens how often."""

    events: int
    people: int
    faults: dict[str, int]


SHORT = Size(20_000, 400, {WORKERS: 2, POSTGRES: 2, FLUSH: 2, VALKEY: 2})
LONG = Size(200_000, 4_000, {WORKERS: 20, POSTGRES: 3, FLUSH: 3, VALKEY: 2})


@dataclass(slots=True)
class Outcome:
    """What a run found; `problems` is empty when every promise held. `said` tells it as it happens."""

    seed: int
    tell: Callable[[str], None] = lambda line: None
    started: float = field(default_factory=time.monotonic)
    events: int = 0
    requests_repeated: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    totals: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        minutes, seconds = divmod(time.monotonic() - self.started, 60)
        self.tell(f"seed {self.seed}  {int(minutes):02}:{seconds:04.1f}  {sentence}")

    def __str__(self) -> str:
        faults = ", ".join(f"{count} × {name}" for name, count in self.faults.items())
        verdict = "; ".join(self.problems) or "0 lost, 0 doubled, 0 people differ, 0 memberships differ"
        return (
            f"seed {self.seed}: {self.events} events, {self.requests_repeated} requests repeated, {faults}: {verdict}"
        )


@dataclass(slots=True)
class Pace:
    """Lets the senders send one share of the batches for every fault, so that each falls into traffic."""

    shares: int
    batches: int
    _open: int = 1
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def next_share(self) -> None:
        with self._changed:
            self._open += 1
            self._changed.notify_all()

    def finish(self) -> None:
        with self._changed:
            self._open = self.shares
            self._changed.notify_all()

    def held(self, batches: Iterator[list[Event]]) -> Iterator[list[Event]]:
        for number, batch in enumerate(batches):
            with self._changed:
                self._changed.wait_for(
                    lambda number=number: self._open >= self.shares or number * self.shares < self.batches * self._open
                )
            yield batch


def run(*, seed: int, size: Size, folder: Path, tell: Callable[[str], None] = lambda line: None) -> Outcome:
    """Send events while faults happen, wait for calm, compare."""
    outcome = Outcome(seed, tell)
    with product(folder) as running:
        heard = make_rules(running)
        outcome.say("the product is up, its segments are live")
        traffic = Traffic(seed, size.events, size.people)
        pace = Pace(shares=sum(size.faults.values()) + 1, batches=size.events // BATCH)
        with _faults(running, size, outcome, pace):
            outcome.requests_repeated = send(running, pace.held(traffic.batches()))
        outcome.events = len(traffic.said)
        outcome.say(f"{outcome.events} events are accepted, {outcome.requests_repeated} requests were repeated")
        running.wait_until_applied(seconds=240)
        time.sleep(3)  # windows of ten seconds end, and the sweep of each second notes it
        running.wait_until_applied(seconds=30)
        outcome.say("everything is applied")
        outcome.totals = running.totals()
        outcome.problems += comparison.problems(running, heard + traffic.said)
    outcome.say(", ".join(f"{count} {name}" for name, count in outcome.totals.items()))
    return outcome


def make_rules(running: Product, *, live: Sequence[Definition] = LIVE) -> list[Said]:
    """Teach the catalogue its words, then have the sample's segments approved; return what was sent for it."""
    chance, now = random.Random(0), datetime.now(UTC)
    events = [event for number in range(20) for event in history(chance, f"warm-{number}", now)]
    deliver(running, events)
    running.wait_until_applied()
    logins = running.facts["logins"]
    with (
        as_person(running.base_url, **logins["author"]) as author,
        as_person(running.base_url, **logins["approver"]) as approver,
    ):
        bring_to_life(author=author, approver=approver, live=live)
    with Door(running.base_url, key=running.read_key) as reading:
        until = time.monotonic() + 60
        while any(segment["status"] == "backfilling" for segment in reading.get("/v1/segments")):
            assert time.monotonic() < until, "the segments did not become ready"
            time.sleep(0.3)
    return [said(event) for event in events]


@contextmanager
def _faults(running: Product, size: Size, outcome: Outcome, pace: Pace) -> Iterator[None]:
    failures: list[BaseException] = []

    def go() -> None:
        try:
            _do_faults(running, size, outcome, pace)
        except BaseException as failure:
            failures.append(failure)
        finally:
            pace.finish()

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if failures:
        raise failures[0]


def _do_faults(running: Product, size: Size, outcome: Outcome, pace: Pace) -> None:
    chance = random.Random(outcome.seed * 7)
    kinds = {
        WORKERS: running.kill_workers,
        POSTGRES: running.kill_postgres,
        FLUSH: running.flush_valkey,
        VALKEY: running.kill_valkey,
    }
    order = [name for name, count in size.faults.items() for _ in range(count)]
    chance.shuffle(order)
    for name in order:
        done = _requests_done(running)
        pace.next_share()
        _wait_for_work(running, done)
        time.sleep(chance.uniform(0.1, 1.2))
        kinds[name]()
        outcome.faults[name] += 1
        outcome.say(name)


def _wait_for_work(running: Product, done: int) -> None:
    """Wait until the workers work again: killing one that is not there yet would prove nothing."""
    until = time.monotonic() + _WORKING_AGAIN_SECONDS
    while _requests_done(running) <= done and time.monotonic() < until:
        time.sleep(0.1)


def _requests_done(running: Product) -> int:
    return int(running.query("SELECT count(*) FROM inbox WHERE state = 1")[0][0])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.run", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--long", action="store_true", help="200,000 events and 28 faults for each seed")
    parser.add_argument("--log", type=Path, help="also write what happened, and when, to this file")
    arguments = parser.parse_args()
    size = LONG if arguments.long else SHORT
    log = arguments.log.open("w") if arguments.log else None

    def tell(line: str) -> None:
        print(line, flush=True)
        if log is not None:
            print(line, file=log, flush=True)

    failed = False
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory(prefix="cdp-faults-") as folder:
            outcome = run(seed=seed, size=size, folder=Path(folder), tell=tell)
        tell(str(outcome))
        failed = failed or bool(outcome.problems)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
