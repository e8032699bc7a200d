# ruff: noqa: E402 - the folder has to be known before the settings are read
"""How fast files go out and how long a funnel takes: python -m tests.benchmarks.files --people 50000 --events 1000000.

On servers of its own. CPU seconds are this process's and its database session's, so that others on the machine do not
count; rates are rows per second of the clock.
"""

import argparse
import json
import os
import resource
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOLDER = Path(tempfile.mkdtemp(prefix="cdp-files-"))
FOLDER.chmod(0o755)
os.environ["CDP_DATA_DIR"] = str(FOLDER)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")
for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
    os.environ.pop(name, None)

import django

django.setup()

from datetime import UTC, date, datetime, timedelta

import psutil
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone

from cdp.access import Actor
from cdp.embedded import ensure_servers
from profiles.exports import asking, jobs, writing
from profiles.models import EventDefinition, PropertyDefinition
from segments.funnels import report
from segments.funnels.report import Period
from tests.segments.world import World

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 60
_PEOPLE = """
INSERT INTO profile (id, bucket, created_at, first_seen_at, last_seen_at, event_count, traits)
SELECT n * 7919, n %% 1024, %(start)s, %(start)s, %(start)s, 1,
       jsonb_build_object('country', (ARRAY['DE', 'FR', 'IT'])[1 + n %% 3], 'age', n %% 90)
  FROM generate_series(1, %(people)s) n;
INSERT INTO origin (id, root_id, bucket) SELECT id, id, bucket FROM profile;
"""
_EVENTS = """
INSERT INTO events (bucket, kind, source_id, origin_id, event_id, ts, received_at, applied_at, name, message_id,
                    amount, properties, context)
SELECT 0, 1, 1, (1 + (random() * (%(people)s - 1))::int) * 7919::bigint, n, at, at, at,
       (ARRAY['Product Viewed', 'Product Viewed', 'Product Viewed', 'Cart Viewed', 'Order Completed'])[1 + n %% 5],
       'm' || n, CASE WHEN n %% 5 = 4 THEN n %% 100 END,
       jsonb_build_object('category', (ARRAY['shoes', 'hats'])[1 + n %% 2], 'price', n %% 100, 'product_id', 'p' || n),
       '{}'
  FROM (SELECT n, %(start)s::timestamptz + random() * interval '%(days)s days' AS at
          FROM generate_series(1, %(events)s) n) given
"""
_STAYS = """
INSERT INTO membership (profile_id, segment_id, version_id, epoch, entered_at, cause, evidence, standing_version_id,
                        standing_at)
SELECT id, (SELECT id FROM segment), (SELECT id FROM segment_version), 1, %(start)s, 'backfill', '[]',
       (SELECT id FROM segment_version), %(start)s
  FROM profile WHERE traits ->> 'country' = 'DE'
"""


def fill(*, people: int, events: int) -> None:
    world = World()
    world.purpose("analytics", legal_basis="contract")
    world.publish("germans", {"trait": "country", "op": "=", "value": "DE"})
    EventDefinition.objects.create(name="Cart Viewed")
    PropertyDefinition.objects.create(event_name="Cart Viewed", name="category", type="text")
    given = {"people": people, "events": events, "start": START, "days": DAYS}
    with connection.cursor() as cursor:
        for month in (START, START + timedelta(days=31), START + timedelta(days=62)):
            cursor.execute("SELECT cdp_ensure_event_month(%s::date)", [month])
        for statement in (_PEOPLE, _EVENTS, _STAYS):
            cursor.execute(statement, given)
        cursor.execute("SELECT 1")


def server_seconds() -> float:
    """CPU seconds that PostgreSQL has used, in processes that live and in those that ended."""
    pid_file = next(FOLDER.rglob("postmaster.pid"), None) or next(Path(tempfile.gettempdir()).rglob("postmaster.pid"))
    postmaster = psutil.Process(int(pid_file.read_text().split()[0]))
    times = [postmaster, *postmaster.children(recursive=True)]
    ended = postmaster.cpu_times()
    return ended.children_user + ended.children_system + sum(sum(one.cpu_times()[:2]) for one in times)


@contextmanager
def measured(what: str, rows: Any) -> Any:
    server, usage, began = server_seconds(), resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    yield
    took = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    own = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
    count = rows()
    cpu = own + server_seconds() - server
    per_second = f"{count / cpu:,.0f} rows per CPU second" if count else ""
    print(
        json.dumps({"what": what, "rows": count, "seconds": round(took, 2), "own_cpu": round(own, 2), "": per_second})
    )


def export(*names: str) -> Any:
    days = {"start": START.date(), "end": date(2026, 5, 1)}
    wanted = asking.Wanted("analytics", **days, tables=names)
    job = asking.request(wanted=wanted, by=Actor.system("bench"), now=timezone.now())
    with measured(f"export {' '.join(names)}", lambda: job.done):
        assert jobs.run_next(now=timezone.now())
        job.refresh_from_db()
    assert job.state == "done", job.error
    print(json.dumps({"bytes": writing.path_of(job).stat().st_size, "files": len(job.result["files"])}))


def funnel(**more: Any) -> None:
    steps = [{"event": "Product Viewed"}, {"event": "Cart Viewed"}, {"event": "Order Completed"}]
    document = {"steps": steps, "within": "7d"} | more.pop("document", {})
    asked = {"period": Period(START, START + timedelta(days=DAYS)), "now": timezone.now(), "split": ""} | more
    told = None
    with measured(f"funnel {more or document.get('order', 'any')}", lambda: told.total.entered if told else 0):
        told = report.ask(document=document, **asked)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    given = parser.parse_args()
    servers = ensure_servers(FOLDER, durable=False)
    try:
        call_command("migrate", verbosity=0)
        fill(people=given.people, events=given.events)
        with connections["owner"].cursor() as cursor:
            cursor.execute("ANALYZE")
        for name in ("people", "events", "memberships"):
            export(name)
        funnel()
        funnel(document={"order": "strict"})
        funnel(split="property:category")
        funnel(split="segment_at_entry:germans")
        print(json.dumps({"most_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
    finally:
        connections.close_all()
        servers.stop()
        shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    main()
