"""The Redis-compatible server frozen, then gone: events are taken as quickly as ever, and applied when it is back.

python -m tests.faults.redis_away --seconds 30
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cdp.embedded import Valkey, ensure_valkey
from tests.faults.open_loop import Answer, Sending, open_loop, p95, percentiles
from tests.outages import Product, product

DRAINED_WITHIN_SECONDS = 60
#: How much longer the slow ones may take meanwhile, beside twice as long: the machine has other work as well.
_ROOM_SECONDS = 0.1


@dataclass(slots=True)
class Outcome:
    """What senders saw before and meanwhile, and how long it took until everything was applied."""

    healthy: list[Answer] = field(default_factory=list)
    away: dict[str, list[Answer]] = field(default_factory=dict)
    drained: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"healthy: {len(self.healthy)} requests, {percentiles(self.healthy)}"]
        for name, answers in self.away.items():
            accepted = sum(answer.status == 200 for answer in answers)
            lines.append(
                f"{name}: {accepted} of {len(answers)} requests answered 200, {percentiles(answers)};"
                f" everything applied {self.drained[name]:.1f} s after it was back"
            )
        return "\n".join([*lines, "; ".join(self.problems) or "0 lost, 0 doubled"])


def run(*, seconds: float, per_second: float, folder: Path) -> Outcome:
    """Send at one pace while the server is well, frozen, and gone."""
    outcome = Outcome()
    (folder / "valkey").mkdir(parents=True)
    valkey = ensure_valkey(folder / "valkey", durable=True)
    try:
        with product(folder / "product", REDIS_URL=f"unix://{valkey.socket}") as running:
            everything = Sending()
            outcome.healthy = _send(running, everything, seconds=min(seconds, 10), per_second=per_second)
            for name, away in {"frozen": _frozen, "gone": _gone}.items():
                with away(valkey):
                    outcome.away[name] = _send(running, everything, seconds=seconds, per_second=per_second)
                outcome.drained[name] = _seconds_until_applied(running)
            outcome.problems += everything.problems(running)
    finally:
        valkey.stop()
    _judge(outcome)
    return outcome


@contextmanager
def _frozen(valkey: Valkey) -> Iterator[None]:
    assert valkey.process is not None
    os.kill(valkey.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(valkey.process.pid, signal.SIGCONT)


@contextmanager
def _gone(valkey: Valkey) -> Iterator[None]:
    valkey.stop(how=signal.SIGKILL)
    yield
    valkey.start()


def _send(running: Product, everything: Sending, *, seconds: float, per_second: float) -> list[Answer]:
    with open_loop(running, per_second=per_second) as sending:
        time.sleep(seconds)
    everything.answers += sending.answers
    everything.sent |= sending.sent
    return sending.answers


def _seconds_until_applied(running: Product) -> float:
    back = time.monotonic()
    running.wait_until_applied(seconds=2 * DRAINED_WITHIN_SECONDS)
    return time.monotonic() - back


def _judge(outcome: Outcome) -> None:
    checks: dict[str, Callable[[str], bool]] = {
        "every request answered 200": lambda name: all(answer.status == 200 for answer in outcome.away[name]),
        "as quickly as before": lambda name: p95(outcome.away[name]) <= 2 * p95(outcome.healthy) + _ROOM_SECONDS,
        f"applied within {DRAINED_WITHIN_SECONDS} s": lambda name: outcome.drained[name] <= DRAINED_WITHIN_SECONDS,
    }
    for promise, held in checks.items():
        outcome.problems += [f"{name}, not so: {promise}" for name in outcome.away if not held(name)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.redis_away", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--per-second", type=float, default=40)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdp-redis-") as folder:
        outcome = run(seconds=arguments.seconds, per_second=arguments.per_second, folder=Path(folder))
    print(outcome)
    return int(bool(outcome.problems))


if __name__ == "__main__":
    sys.exit(main())
