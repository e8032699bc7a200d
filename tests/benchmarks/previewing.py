"""Measure previews at size: 200,000 people and 4,000,000 events.

    python -m tests.benchmarks.previewing                    fill, then five rules, five rounds each
    python -m tests.benchmarks.previewing --people 20000 --events 400000

For every rule the exact preview is held against what somebody would write by hand who knew the tables (below, beside
the rule): the same counts against the current members. Both run in turn and their medians are compared, by the clock
and by the processor time of the database's own process, which others on the machine change less. The estimate is held
against its bar of 2 s, and its interval against the true number.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BAR_RATIO, BAR_SECONDS = 1.5, 2.0


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, and the people it is true of by hand: a select of profile ids, `%(now)s` being the moment."""

    name: str
    document: dict[str, Any]
    by_hand: str


def _events(having: str, where: str) -> str:
    return (
        "SELECT o.root_id AS id FROM events e JOIN origin o ON o.id = e.origin_id"
        f" WHERE e.ts <= %(now)s AND {where} GROUP BY o.root_id HAVING {having}"
    )


RULES = (
    Rule(
        "a trait",
        {"trait": "country", "op": "=", "value": "DE"},
        "SELECT id FROM profile WHERE merged_into IS NULL AND traits ->> 'country' = 'DE'",
    ),
    Rule(
        "a count in 30 days",
        {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 3, "within": "30d"},
        _events("count(*) >= 3", "e.name = 'Product Viewed' AND e.ts > %(now)s::timestamptz - interval '30 days'"),
    ),
    Rule(
        "a sum in 90 days",
        {"event": "Order Completed", "measure": "sum", "of": "revenue", "op": ">", "value": 300, "within": "90d"},
        _events(
            "sum((e.properties ->> 'revenue')::numeric) > 300",
            "e.name = 'Order Completed' AND e.ts > %(now)s::timestamptz - interval '90 days'",
        ),
    ),
    Rule(
        "a count with a condition, of all time",
        {
            "event": "Product Viewed", "measure": "count", "op": ">=", "value": 4,
            "where": {"property": "category", "op": "=", "value": "shoes"},
        },
        _events("count(*) >= 4", "e.name = 'Product Viewed' AND e.properties ->> 'category' = 'shoes'"),
    ),
    Rule(
        "three of these at once",
        {
            "all": [
                {"trait": "country", "op": "in", "value": ["DE", "FR"]},
                {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 2, "within": "30d"},
                {"event": "Order Completed", "measure": "count", "op": "=", "value": 0, "within": "30d"},
            ]
        },
        "SELECT p.id FROM profile p JOIN (SELECT o.root_id,"
        " count(*) FILTER (WHERE e.name = 'Product Viewed') AS views,"
        " count(*) FILTER (WHERE e.name = 'Order Completed') AS orders"
        " FROM events e JOIN origin o ON o.id = e.origin_id WHERE e.name IN ('Product Viewed', 'Order Completed')"
        " AND e.ts <= %(now)s AND e.ts > %(now)s::timestamptz - interval '30 days' GROUP BY o.root_id) c"
        " ON c.root_id = p.id WHERE p.merged_into IS NULL AND p.traits ->> 'country' IN ('DE', 'FR')"
        " AND c.views >= 2 AND c.orders = 0",
    ),
)  # fmt: skip
_COUNTED_BY_HAND = """
SELECT count(*) FILTER (WHERE h.id IS NOT NULL), count(*) FILTER (WHERE h.id IS NOT NULL AND m.profile_id IS NULL),
       count(*) FILTER (WHERE h.id IS NULL), count(*) FILTER (WHERE h.id IS NOT NULL AND m.profile_id IS NOT NULL)
  FROM ({by_hand}) AS h FULL JOIN (
       SELECT profile_id FROM membership WHERE segment_id = %(segment_id)s AND left_at IS NULL) AS m
    ON m.profile_id = h.id
"""
_FILL = (
    "INSERT INTO profile (id, bucket, created_at, last_seen_at, traits)"
    " SELECT n::bigint << 22 | (n * 7919) % 4194304, n % 1024, now(), now(), jsonb_build_object("
    " 'country', (ARRAY['DE', 'FR', 'AT', 'NL', 'PL'])[1 + n % 5], 'age', 18 + n % 60, 'plan', 'free')"
    " FROM generate_series(1, {people}) AS n",
    "INSERT INTO origin (id, root_id, bucket) SELECT id, id, bucket FROM profile",
    "SELECT cdp_ensure_event_month((date_trunc('month', now()) - n * interval '1 month')::date)"
    " FROM generate_series(0, 11) AS n",
    # A person's share of the events is skewed, as it is in life: the square of a uniform draw.
    "INSERT INTO events (bucket, kind, source_id, origin_id, event_id, ts, received_at, applied_at, name, message_id,"
    " properties, context) SELECT drawn.who % 1024, 1, 1, drawn.who::bigint << 22 | (drawn.who * 7919) % 4194304,"
    " drawn.n, drawn.at, drawn.at, drawn.at, (ARRAY['Product Viewed', 'Page Viewed', 'Product Viewed',"
    " 'Order Completed', 'Page Viewed', 'Product Added'])[1 + drawn.n % 6], drawn.n::text, jsonb_build_object("
    " 'category', (ARRAY['shoes', 'books', 'toys'])[1 + drawn.n % 3], 'revenue', 5 + drawn.n % 90,"
    " 'path', '/p/' || drawn.n % 1000), '{{}}' FROM (SELECT n, 1 + floor({people} * random() ^ 2)::bigint AS who,"
    " now() - interval '1 minute' - random() * interval '300 days' AS at FROM generate_series(1, {events}) AS n) drawn",
    "INSERT INTO trait_definition (name, type) VALUES ('country', 'text'), ('age', 'number'), ('plan', 'text')",
    "INSERT INTO event_definition (name) VALUES ('Product Viewed'), ('Order Completed'), ('Product Added')",
    "INSERT INTO property_definition (event_name, name, type) VALUES ('Product Viewed', 'category', 'text'),"
    " ('Order Completed', 'revenue', 'number')",
)


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="cdp-previews-") as folder:
        Path(folder).chmod(0o755)
        os.environ |= {"CDP_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "cdp.settings", "CDP_LOG_LEVEL": "WARNING"}
        import django
        from django.core.management import call_command

        from cdp.embedded import ensure_servers

        servers = ensure_servers(Path(folder), durable=False)
        try:
            django.setup()
            call_command("migrate", verbosity=0)
            started = time.perf_counter()
            _fill(people=arguments.people, events=arguments.events)
            print(f"filled in {time.perf_counter() - started:.0f} s", flush=True)
            return sum(not _measured(rule, rounds=arguments.rounds) for rule in RULES)
        finally:
            servers.stop()


def _fill(*, people: int, events: int) -> None:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        for statement in _FILL:
            cursor.execute(statement.format(people=people, events=events))
        cursor.execute("VACUUM ANALYZE profile, origin, events, membership")


def _measured(rule: Rule, *, rounds: int) -> bool:
    """Print what a rule's previews take; say whether both are within their bars."""
    from django.db import connection

    from segments import preview
    from segments.catalogue import load_catalogue
    from segments.rules.parser import parse

    now, catalogue, parsed = datetime.now(UTC), load_catalogue(), parse(rule.document)
    asked: dict[str, Any] = {"rule": parsed, "segment_id": 0, "catalogue": catalogue, "now": now}

    def by_hand() -> int:
        with connection.cursor() as cursor:
            cursor.execute(_COUNTED_BY_HAND.format(by_hand=rule.by_hand), {"now": now, "segment_id": 0})
            return int(cursor.fetchone()[0])

    def exact() -> int:
        return preview.preview(**asked).size

    def estimated() -> Any:
        return preview.estimate(**asked)

    true = by_hand()
    assert exact() == true, f"{rule.name}: {exact()} people by the preview, {true} by hand"
    hand, product, about = [], [], []
    for _ in range(rounds):
        hand.append(_took(by_hand))
        product.append(_took(exact))
        about.append(_took(estimated))
    seen = estimated()
    ratio = statistics.median(one.wall for one in product) / statistics.median(one.wall for one in hand)
    of_cpu = statistics.median(one.cpu for one in product) / statistics.median(one.cpu for one in hand)
    slowest = max(one.wall for one in about)
    held = seen.size.low <= true <= seen.size.high
    within = min(ratio, of_cpu) <= BAR_RATIO and slowest <= BAR_SECONDS
    print(
        f"{rule.name}: {true:,} of {seen.people:,} people\n"
        f"    exact {_median(product):.2f} s, by hand {_median(hand):.2f} s: {ratio:.2f} times by the clock,"
        f" {of_cpu:.2f} times the processor (bar {BAR_RATIO})\n"
        f"    estimate {_median(about):.2f} s, slowest {slowest:.2f} s (bar {BAR_SECONDS:.0f}): {seen.size.value:,}"
        f" ({seen.size.low:,} to {seen.size.high:,}, {seen.sampled:,} people judged)"
        f"{'' if held else ', which misses the true number, as 1 in 20 may'}",
        flush=True,
    )
    return within


@dataclass(frozen=True, slots=True)
class Took:
    wall: float
    cpu: float


def _took(work: Callable[[], Any]) -> Took:
    import psutil
    from django.db import connection

    backend = psutil.Process(connection.connection.info.backend_pid)
    before, started = _cpu(backend), time.perf_counter()
    work()
    return Took(time.perf_counter() - started, max(_cpu(backend) - before, 0.001))


def _cpu(process: Any) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _median(took: list[Took]) -> float:
    return statistics.median(one.wall for one in took)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.previewing", description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--events", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
