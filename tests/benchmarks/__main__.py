"""Measure the four ratios of the product against its yardsticks, medians of several rounds of one run.

    python -m tests.benchmarks            all of them, as stated in workload.py
    python -m tests.benchmarks a c        some of them
    python -m tests.benchmarks --rounds 3 --json

Servers, database and web processes are its own, durable as in production, and are gone afterwards.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

NAMES = {
    "a": "accepting 100-event batches ÷ committing the same bytes as one row",
    "b": "bare COPY of the same events ÷ accepted to applied",
    "c": "profile read ÷ constant of the same size, same middleware and key check (requests per second)",
    "d": "20 rules over everyone ÷ one hand-written SQL pass (seconds)",
}
BARS = {"a": ("≥", 0.6), "b": ("≥", 0.25), "c": ("≥", 0.4), "d": ("≤", 3.0)}


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="cdp-bench-") as folder:
        Path(folder).chmod(0o755)
        os.environ |= {
            "CDP_DATA_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.settings",
            "CDP_LOG_LEVEL": "WARNING",
        }
        from tests.benchmarks.bench import Bench

        bench = Bench.start(Path(folder), rounds=arguments.rounds, people=arguments.people, events=arguments.events)
        try:
            for row in bench.measure(set(arguments.which or NAMES)):
                _report(row, as_json=arguments.json)
        finally:
            bench.stop()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("which", nargs="*", choices=[*NAMES, []], help="which ratios (default: all)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _report(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(row), flush=True)
        return
    key, ratios = row["key"], row["ratios"]
    sign, bar = BARS[key[0]]
    print(f"({key}) {NAMES[key[0]]}{row['note']}")
    spread = f"min {min(ratios):.3f}, max {max(ratios):.3f}; bar {sign} {bar}"
    print(f"    median {statistics.median(ratios):.3f}  ({spread})")
    print(f"    product {row['product']}; yardstick {row['yardstick']}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
