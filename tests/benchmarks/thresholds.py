"""Measure the refresh of thresholds at size: ten percentiles of a column against one, asked by hand.

    python -m tests.benchmarks.thresholds                    200,000 people, 4,000,000 events, five rounds each
    python -m tests.benchmarks.thresholds --people 20000 --events 400000

The same people and events as `previewing`. For every column the refresh (ten percentiles, mean, deviation, over the
rule's own statement) and a bare `percentile_cont(0.8)` of somebody who knew the tables run in turn; the ratio of their
medians is held against its bar, by the clock and by the processor time of the database's own process.
"""

import os
import statistics
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from tests.benchmarks import previewing

BAR = 2.0
PERCENTILES = tuple(Decimal(share) for share in (1, 5, 10, 25, 50, 75, 80, 90, 95, 99))


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured, as a rule and as a select of one number per person."""

    name: str
    document: dict[str, Any]
    by_hand: str


COLUMNS = (
    Measure(
        "a trait",
        {"trait": "age", "op": ">=", "value": 0},
        # Guarded, as by anybody who has met a text among the ages: a bare cast ends the query at the first one.
        "SELECT CASE jsonb_typeof(traits -> 'age') WHEN 'number' THEN (traits ->> 'age')::numeric END AS x"
        " FROM profile WHERE merged_into IS NULL",
    ),
    Measure(
        "a sum in 90 days",
        {"event": "Order Completed", "measure": "sum", "of": "revenue", "op": ">=", "value": 0, "within": "90d"},
        "SELECT coalesce(c.x, 0) AS x FROM profile p LEFT JOIN (SELECT o.root_id,"
        " sum((e.properties ->> 'revenue')::numeric) AS x FROM events e JOIN origin o ON o.id = e.origin_id"
        " WHERE e.name = 'Order Completed' AND e.ts <= %(now)s AND e.ts > %(now)s::timestamptz - interval '90 days'"
        " GROUP BY o.root_id) c ON c.root_id = p.id WHERE p.merged_into IS NULL",
    ),
    Measure(
        "a count of all time",
        {"event": "Product Viewed", "measure": "count", "op": ">=", "value": 0},
        "SELECT coalesce(c.x, 0) AS x FROM profile p LEFT JOIN (SELECT o.root_id, count(*) AS x FROM events e"
        " JOIN origin o ON o.id = e.origin_id WHERE e.name = 'Product Viewed' AND e.ts <= %(now)s"
        " GROUP BY o.root_id) c ON c.root_id = p.id WHERE p.merged_into IS NULL",
    ),
)
_BARE = "SELECT percentile_cont(0.8) WITHIN GROUP (ORDER BY x) FROM ({by_hand}) AS one"


def main() -> int:
    arguments = previewing._arguments()
    with tempfile.TemporaryDirectory(prefix="cdp-thresholds-") as folder:
        Path(folder).chmod(0o755)
        os.environ |= {"CDP_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "cdp.settings", "CDP_LOG_LEVEL": "WARNING"}
        import django
        from django.core.management import call_command

        from cdp.embedded import ensure_servers

        servers = ensure_servers(Path(folder), durable=False)
        try:
            django.setup()
            call_command("migrate", verbosity=0)
            previewing._fill(people=arguments.people, events=arguments.events)
            return sum(not _within(column, rounds=arguments.rounds) for column in COLUMNS)
        finally:
            servers.stop()


def _within(column: Measure, *, rounds: int) -> bool:
    """Print what a column's refresh takes beside the bare query; say whether it is within the bar."""
    from django.db import connection

    from segments.catalogue import load_catalogue
    from segments.rules.nodes import EventLeaf
    from segments.rules.parser import parse
    from segments.thresholds.measuring import Column, measure

    now, catalogue, leaf = datetime.now(UTC), load_catalogue(), cast(EventLeaf, parse(column.document))

    def bare() -> float:
        with connection.cursor() as cursor:
            cursor.execute(_BARE.format(by_hand=column.by_hand), {"now": now})
            return float(cursor.fetchone()[0])

    def refreshed() -> Any:
        return measure(column=Column(leaf, None), percentiles=PERCENTILES, catalogue=catalogue, now=now)

    figures, true = refreshed(), bare()
    assert abs(float(figures.percentiles[Decimal(80)]) - true) < 1e-6, f"{column.name}: {figures} and {true}"
    one, ten = [], []
    for _ in range(rounds):
        one.append(previewing._took(bare))
        ten.append(previewing._took(refreshed))
    ratio = previewing._median(ten) / previewing._median(one)
    of_cpu = statistics.median(took.cpu for took in ten) / statistics.median(took.cpu for took in one)
    print(
        f"{column.name}: ten percentiles of {figures.people:,} people {previewing._median(ten):.2f} s, one by hand"
        f" {previewing._median(one):.2f} s: {ratio:.2f} times by the clock, {of_cpu:.2f} times the processor"
        f" (bar {BAR})",
        flush=True,
    )
    return min(ratio, of_cpu) <= BAR


if __name__ == "__main__":
    sys.exit(main())
