"""What a live event costs when most rules are about something else, and when a person has a long history.

    python -m tests.benchmarks.live_cost                 1,000 rules of which an event touches 20, against those 20
    python -m tests.benchmarks.live_cost --rules 200 --people 2000 --events 20000

Two figures, each a ratio of times in one run, taken in turns:

- applying the same events under 1,000 live rules of which they touch 20, to applying them under those 20 (bar: 1.5);
- judging one person with 100,000 events by the 20 rules, to judging one with 500 (bar: 3).

The other rules ask for events that nobody sends. They are put into the book that the lanes of this process judge by,
which is where live rules are kept once they are loaded.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

MOST_FOR_OTHER_RULES = 1.5
MOST_FOR_HISTORY = 3.0
LONG, SHORT = 100_000, 500
_OTHERS_FROM = 1_000_000_000  # segment ids that no segment has


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
            others = other_rules(bench, rules=arguments.rules)
            _tell(f"{arguments.rules} live rules, 20 of them touched ÷ those 20 alone", others, MOST_FOR_OTHER_RULES)
            history = long_history(bench)
            _tell(f"a person with {LONG:,} events ÷ one with {SHORT}", history, MOST_FOR_HISTORY)
        finally:
            bench.stop()
    return 0


def other_rules(bench: Any, *, rules: int) -> list[tuple[float, float]]:
    """Return, per round, the seconds for the events under all rules and under the twenty."""
    from segments import rulebook
    from tests.benchmarks import workload
    from tests.benchmarks.bench import drain, forget_events, publish_rules

    bench._accept(workload.batches(workload.identifies(end=bench.end), sent_at=bench.end))
    drain()
    bodies = workload.batches(workload.events(end=bench.end), sent_at=bench.end)
    bench._accept(bodies)
    drain()
    publish_rules()
    drain()
    twenty = rulebook.current()
    books = {"all": _with_others(twenty, count=rules - len(twenty.rules)), "twenty": twenty}
    took: dict[str, list[float]] = {name: [] for name in books}
    for _ in range(bench.rounds + 1):  # the first round compiles
        for name, book in books.items():
            forget_events()
            bench._accept(bodies)
            rulebook._kept = book
            started = time.perf_counter()
            drain()
            took[name].append(time.perf_counter() - started)
            assert rulebook._kept is book, "the epoch changed on the way"
    return list(zip(took["all"][1:], took["twenty"][1:], strict=True))


def _with_others(book: Any, *, count: int) -> Any:
    from segments.rulebook import LiveRule, Rulebook, segment_key
    from segments.rules.parser import parse
    from segments.rules.reads import touch_keys

    others, names = [], []
    for number in range(count):
        names.append(f"Other Thing {number}")
        rule = parse({"event": names[-1], "measure": "count", "op": ">=", "value": 1, "within": "30d"})
        key = f"other-{number}"
        touched_by = touch_keys(rule) | {segment_key(key)}
        others.append(
            LiveRule(_OTHERS_FROM + number, key, key, _OTHERS_FROM + number, 1, book.epoch, False, rule, touched_by)
        )
    catalogue = replace(book.catalogue, events=book.catalogue.events | set(names))
    return Rulebook(book.epoch, book.stamp, (*book.rules, *others), (), catalogue)


def long_history(bench: Any) -> list[tuple[float, float]]:
    """Return, per round, the seconds to judge the person with many events and the one with few."""
    from django.db import connection

    from profiles.queries import find_profile
    from segments import judging, rulebook
    from tests.benchmarks.bench import _as_owner

    book = rulebook.current()
    statement = judging.compiled({live.key: live.rule for live in book.rules}, catalogue=book.catalogue, leaves=True)
    people = [find_profile(type="user_id", value=f"u_{number}") for number in (1, 2)]
    for profile_id, wanted in zip(people, (LONG, SHORT), strict=True):
        _repeat_events(profile_id, wanted=wanted, end=bench.end)
    _as_owner("VACUUM ANALYZE events")
    took: dict[int, list[float]] = {profile_id: [] for profile_id in people}
    for _ in range(bench.rounds + 2):
        for profile_id in people:
            started = time.perf_counter()
            with connection.cursor() as cursor:
                cursor.execute(statement.sql, {"ids": [profile_id], "now": datetime.now(UTC)})
                cursor.fetchall()
            took[profile_id].append(time.perf_counter() - started)
    return list(zip(took[people[0]][2:], took[people[1]][2:], strict=True))


def _repeat_events(profile_id: int, *, wanted: int, end: datetime) -> None:
    """Leave the person exactly `wanted` events, spread evenly over the workload's days, from everybody's own."""
    from django.db import connections

    from tests.benchmarks import workload

    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'events'::regclass AND attnum > 0 AND NOT attisdropped"
        )
        columns = [name for (name,) in cursor.fetchall()]
        changed = {
            "origin_id": "%(origin)s",
            "ts": "%(end)s::timestamptz - %(span)s * (n::float8 / %(wanted)s)",
            "event_id": "(random() * 9e18)::bigint",
        }
        taken = ", ".join(changed.get(name, f"e.{name}") for name in columns)
        cursor.execute("SELECT id FROM origin WHERE root_id = %s LIMIT 1", [profile_id])
        (origin,) = cursor.fetchone()
        cursor.execute("DELETE FROM events WHERE origin_id IN (SELECT id FROM origin WHERE root_id = %s)", [profile_id])
        cursor.execute(
            f"INSERT INTO events ({', '.join(columns)}) SELECT {taken} FROM"
            " (SELECT row_number() OVER () - 1 AS place, * FROM (SELECT * FROM events WHERE kind = 1 LIMIT 1000) x) e"
            " JOIN generate_series(0, %(wanted)s - 1) AS n ON n %% 1000 = e.place",
            {
                "origin": origin,
                "end": end,
                "span": timedelta(days=workload.SPAN_DAYS),
                "wanted": wanted,
            },
        )


def _tell(name: str, pairs: list[tuple[float, float]], bar: float) -> None:
    ratios = [ours / theirs for ours, theirs in pairs]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(name)
    print(f"    median {statistics.median(ratios):.2f}  (min {min(ratios):.2f}, max {max(ratios):.2f}; bar ≤ {bar})")
    print(f"    {ours * 1000:.1f} ms against {theirs * 1000:.1f} ms", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.live_cost", description=__doc__.splitlines()[0])
    parser.add_argument("--rules", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--people", type=int, default=5_000)
    parser.add_argument("--events", type=int, default=50_000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
