"""Measure reads at size: 200,000 people and 4,000,000 events.

    python -m tests.benchmarks.size                          fill, then ratio (d) and every page, three rounds
    python -m tests.benchmarks.size --people 20000 --events 400000 --pages

Server time is measured in a real web process by the outermost middleware and told in headers. Each page is opened three
times first, so that templates and connections are warm, and then fifteen times: the median by the clock is what is held
against the bar of 100 ms, and beside it stands how much processor time the web process spent, which a busy machine does
not change much. Servers and database are the command's own and are gone afterwards.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BAR_MS = 100.0
WARM_UPS, ASKED = 3, 15
#: Lists of which a page far behind the first is measured as well.
DEEP = ("profiles/profile", "profiles/inboxrow", "profiles/rejectedevent", "segments/membership", "cdp/accessrecord")
PAGES_DEEP = 40


@dataclass(frozen=True, slots=True)
class Figure:
    """The medians of one page in milliseconds, and its slowest answer; `failure` where it did not answer."""

    name: str
    wall: float = 0.0
    slowest: float = 0.0
    cpu: float = 0.0
    failure: str = ""

    @property
    def is_within(self) -> bool:
        return not self.failure and self.wall <= BAR_MS

    def __str__(self) -> str:
        if self.failure:
            return f"{self.name:<58} {self.failure}"
        verdict = "" if self.is_within else f"   over {BAR_MS:.0f} ms"
        return f"{self.name:<58} {self.wall:9.1f} {self.cpu:9.1f} {self.slowest:9.1f}{verdict}"


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="cdp-size-") as folder:
        Path(folder).chmod(0o755)
        os.environ |= {
            "CDP_DATA_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.settings",
            "CDP_LOG_LEVEL": "WARNING",
            "CDP_REQUIRE_OTP": "0",
        }
        from tests.benchmarks.bench import Bench

        bench = Bench.start(Path(folder), rounds=arguments.rounds, people=arguments.people, events=arguments.events)
        try:
            return measure(bench, arguments)
        finally:
            bench.stop()


def measure(bench: Any, arguments: argparse.Namespace) -> int:
    """Fill the bench's database and print ratio (d) and the pages; the exit code counts the pages over the bar."""
    from tests.benchmarks.reading import Reader, fill_for_reading

    started = time.perf_counter()
    fill_for_reading(bench, people=arguments.people, events=arguments.events)
    print(f"filled in {time.perf_counter() - started:.0f} s", flush=True)
    if not arguments.pages:
        row = bench.rules()
        ratio = statistics.median(row["ratios"])
        print(f"(d) 20 rules over everyone ÷ by hand{row['note']}: {ratio:.2f} (bar ≤ 3)", flush=True)
        print(f"    {row['product']}; {row['yardstick']}", flush=True)
    with Reader.of(bench) as reader:
        figures = list(_shown(reader))
    over = [figure for figure in figures if not figure.is_within]
    print(f"{len(figures)} pages, {len(over)} over {BAR_MS:.0f} ms or not answered", flush=True)
    return len(over)


def _shown(reader: Any) -> Iterator[Figure]:
    print(f"{'server time, ms':<58} {'median':>9} {'its CPU':>9} {'slowest':>9}", flush=True)
    for name, address in reader.addresses(deep=DEEP, pages=PAGES_DEEP):
        figure = _figure(reader, name, address)
        print(figure, flush=True)
        yield figure


def _figure(reader: Any, name: str, address: str) -> Figure:
    from tests.benchmarks.reading import NotShown

    try:
        times = [reader.open(address) for _ in range(WARM_UPS + ASKED)][WARM_UPS:]
    except NotShown as failure:
        return Figure(name, failure=str(failure))
    walls = [took.wall for took in times]
    cpu = statistics.median(took.cpu for took in times)
    return Figure(name, statistics.median(walls), max(walls), cpu)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.size", description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--events", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pages", action="store_true", help="the pages alone, without ratio (d)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
