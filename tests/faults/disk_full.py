"""The disk runs full under load: no success without a row, and it goes on by itself once there is room.

    python -m tests.faults.disk_full

The product's whole data folder, database, logs and all, lies on a small file system of its own, which needs root.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.open_loop import CUT, Answer, Sending, open_loop, percentiles
from tests.outages import product

_BACK_WITHIN_SECONDS = 60
_MEGABYTE = 2**20


class NotPermitted(RuntimeError):
    """This account may not mount a file system."""


@dataclass(slots=True)
class Outcome:
    """What senders saw while there was room, none, and room again."""

    sending: Sending = field(default_factory=Sending)
    full_at: float = 0
    freed_at: float = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        back = self.sending.first_after(self.freed_at)
        full = self.sending.between(self.full_at, self.freed_at)
        return "\n".join([
            f"with room: {_told(self.sending.between(0, self.full_at))}",
            f"full for {self.freed_at - self.full_at:.0f} s: {_told(full)}",
            f"after room was made: {_told(self.sending.between(self.freed_at, float('inf')))}",
            "it did not come back" if back is None else f"the first 200 came {back:.1f} s after; no SQL, no restart",
            "; ".join(self.problems) or "0 acknowledged events lost",
        ])  # fmt: skip


def _told(answers: list[Answer]) -> str:
    count = {status: sum(answer.status == status for answer in answers) for status in (200, 503, 429, CUT)}
    return (
        f"{len(answers)} requests, {count[200]} answered 200, {count[503] + count[429]} turned away,"
        f" {count[CUT]} not answered; {percentiles(answers)}"
    )


def run(*, folder: Path, megabytes: int, per_second: float, full_for: float) -> Outcome:
    """Fill the file system under load, make room again, count. Raises NotPermitted."""
    outcome = Outcome()
    with small_disk(folder, megabytes=megabytes), product(folder / "var") as running:
        with open_loop(running, per_second=per_second) as outcome.sending:
            time.sleep(4)
            filler = folder / "filler"
            _fill(filler)
            outcome.full_at = time.monotonic()
            time.sleep(full_for / 2)
            _fill(filler)  # whatever was let go of meanwhile
            time.sleep(full_for / 2)
            outcome.freed_at = time.monotonic()
            filler.unlink()
            until = time.monotonic() + _BACK_WITHIN_SECONDS
            while outcome.sending.first_after(outcome.freed_at) is None and time.monotonic() < until:
                time.sleep(0.2)
            time.sleep(3)
        running.wait_until_applied(seconds=120)
        outcome.problems += outcome.sending.problems(running)
    full = outcome.sending.between(outcome.full_at, outcome.freed_at)
    if not any(answer.status in (429, 503) for answer in full):
        outcome.problems.append("nobody was turned away: nothing was proven")
    if outcome.sending.first_after(outcome.freed_at) is None:
        outcome.problems.append("it did not come back")
    return outcome


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[None]:
    """Mount a file system of this size on `folder` for the length of the block. Raises NotPermitted."""
    if os.geteuid() != 0:
        raise NotPermitted("Only root may mount a small file system.")
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        raise NotPermitted(f"A small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def _fill(filler: Path) -> None:
    """Write until the file system takes nothing more."""
    with filler.open("ab", buffering=0) as file:
        for size in (_MEGABYTE, 4096):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.disk_full", description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=400)
    parser.add_argument("--per-second", type=float, default=30)
    parser.add_argument("--full-for", type=float, default=20, metavar="SECONDS")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdp-disk-") as folder:
        Path(folder).chmod(0o755)
        try:
            outcome = run(
                folder=Path(folder) / "disk",
                megabytes=arguments.megabytes,
                per_second=arguments.per_second,
                full_for=arguments.full_for,
            )
        except NotPermitted as refusal:
            print(f"Not shown: {refusal}")
            return 0
    print(outcome)
    return int(bool(outcome.problems))


if __name__ == "__main__":
    sys.exit(main())
