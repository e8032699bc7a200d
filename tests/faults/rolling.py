"""Replacing every process under load, and stopping them: nothing that was acknowledged is lost, nothing else is said.

    python -m tests.faults.rolling --per-second 40

A sender keeps its pace while the product is told to replace its processes (SIGHUP), while web and worker are told to
stop by themselves (SIGTERM), and while the whole product is stopped (SIGTERM), to be started again at the end.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from tests.faults.open_loop import CUT, Sending, open_loop, percentiles
from tests.outages import Product, product
from tests.running import Command

_SETTLE_SECONDS = 2.0
_WITHIN_SECONDS = 240


@dataclass(slots=True)
class Outcome:
    """What senders saw in each part of the run."""

    parts: dict[str, Sending] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = []
        for name, sending in self.parts.items():
            answers = sending.statuses()
            lines.append(
                f"{name}: {len(sending.answers)} requests, {answers[200]} answered 200, {answers[503]} turned away with"
                f" 503, {answers[CUT]} not answered; {percentiles(sending.answers)}"
            )
        return "\n".join([*lines, "; ".join(self.problems) or "0 acknowledged events lost, 0 doubled"])


def replace_everything(running: Product) -> None:
    """Send SIGHUP and wait until no process of before is left."""
    before = _leaders(running)
    running.command.process.send_signal(signal.SIGHUP)
    _wait("the processes of before are gone", lambda: not any(psutil.pid_exists(pid) for pid in before))


def stop_web(running: Product) -> None:
    _stop_one(running, "web")


def stop_worker(running: Product) -> None:
    _stop_one(running, "worker")


def stop_everything(running: Product) -> None:
    running.command.end()


PARTS: dict[str, Callable[[Product], None]] = {
    "SIGHUP, every process replaced": replace_everything,
    "SIGTERM to web": stop_web,
    "SIGTERM to worker": stop_worker,
    "SIGTERM to everything": stop_everything,
}


def run(*, per_second: float, folder: Path, parts: Sequence[str] = tuple(PARTS)) -> Outcome:
    """Run the parts on one product, start it again, then count what is stored."""
    outcome = Outcome()
    with product(folder) as running:
        for name in parts:
            with open_loop(running, per_second=per_second) as outcome.parts[name]:
                time.sleep(_SETTLE_SECONDS)
                PARTS[name](running)
                time.sleep(_SETTLE_SECONDS)
        if running.command.process.poll() is not None:
            running.command = Command("up", folder=folder, CDP_REQUIRE_OTP="0")
            running.command.wait_until_ready()
        running.wait_until_applied(seconds=120)
        whole = Sending()
        for sending in outcome.parts.values():
            whole.answers += sending.answers
            whole.sent |= sending.sent
        outcome.problems += whole.problems(running)
    replaced = outcome.parts.get("SIGHUP, every process replaced")
    if replaced and replaced.statuses().keys() - {200, 503}:
        outcome.problems.append("a request was not answered while the processes were replaced")
    return outcome


def _stop_one(running: Product, name: str) -> None:
    before = int(json.loads((running.folder / "processes.json").read_text())[name][0])
    os.kill(before, signal.SIGTERM)
    _wait(f"{name} is gone", lambda: not psutil.pid_exists(before))
    _wait(f"{name} runs again", lambda: before not in _leaders(running) and name in _names(running))
    _wait("the product answers", lambda: _answers(running))


def _answers(running: Product) -> bool:
    try:
        return httpx.get(f"{running.base_url}/healthz", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _leaders(running: Product) -> list[int]:
    return [int(pid) for pid, _ in json.loads((running.folder / "processes.json").read_text()).values()]


def _names(running: Product) -> list[str]:
    return list(json.loads((running.folder / "processes.json").read_text()))


def _wait(what: str, until: Callable[[], bool]) -> None:
    end = time.monotonic() + _WITHIN_SECONDS
    while not until():
        assert time.monotonic() < end, f"not so within {_WITHIN_SECONDS} s: {what}"
        time.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.rolling", description=__doc__.splitlines()[0])
    parser.add_argument("--per-second", type=float, default=40)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdp-rolling-") as folder:
        outcome = run(per_second=arguments.per_second, folder=Path(folder))
    print(outcome)
    return int(bool(outcome.problems))


if __name__ == "__main__":
    sys.exit(main())
