"""Measure reads at size: 200,000 people and 4,000,000 events.

    python -m tests.benchmarks.size                          fill, then ratio (d) and every page, three rounds
    python -m tests.benchmarks.size --people 20000 --events 400000 --pages

Server time is measured in a real web process by the outermost middleware and told in a header; each figure is the
median of several requests. The bar is 100 ms. Servers and database are the command's own and are gone afterwards.
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
ASKED = 7
LISTS = (
    "profiles/profile", "profiles/merge", "profiles/source", "profiles/inboxrow", "profiles/rejectedevent",
    "profiles/eventdefinition", "profiles/propertydefinition", "profiles/traitdefinition", "segments/segment",
    "segments/membership", "consent/entry", "consent/purpose", "consent/notice", "cdp/accessrecord", "cdp/job",
    "cdp/apikey", "cdp/user",
)  # fmt: skip
#: Lists of which a page far behind the first is measured as well.
DEEP = ("profiles/profile", "profiles/inboxrow", "profiles/rejectedevent", "segments/membership", "cdp/accessrecord")
PAGES_DEEP = 40


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    milliseconds: float
    slowest: float

    def __str__(self) -> str:
        verdict = "" if self.milliseconds <= BAR_MS else f"   over {BAR_MS:.0f} ms"
        return f"{self.name:<58} {self.milliseconds:8.1f} ms (slowest {self.slowest:.1f}){verdict}"


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
    return sum(figure.milliseconds > BAR_MS for figure in figures)


def _shown(reader: Any) -> Iterator[Figure]:
    for name, address in reader.addresses(lists=LISTS, deep=DEEP, pages=PAGES_DEEP):
        times = [reader.milliseconds(address) for _ in range(ASKED)]
        figure = Figure(name, statistics.median(times), max(times))
        print(figure, flush=True)
        yield figure


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.size", description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--events", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pages", action="store_true", help="the pages alone, without ratio (d)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
