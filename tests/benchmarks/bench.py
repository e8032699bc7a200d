"""One bench: servers of its own, the workload accepted and applied by the product's own verbs, four measurements."""

import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django
import httpx
from django.conf import settings
from django.core.management import call_command

from cdp.embedded import Servers, ensure_servers
from tests.benchmarks import workload
from tests.benchmarks.load import connected, request, seconds_for
from tests.benchmarks.worker import drain

HERE = Path(__file__).parent
#: The door is measured with this many requests a round; more does not move the median.
DOOR_REQUESTS = 600
READ_REQUESTS = 3000
#: Events end here, so that every window of the rules holds some of them.
AGE_OF_THE_NEWEST = timedelta(minutes=1)


@dataclass(slots=True)
class Bench:
    servers: Servers
    rounds: int
    write_key: str
    read_key: str
    end: datetime
    web: subprocess.Popen[bytes] | None = None
    port: int = 0

    @classmethod
    def start(cls, folder: Path, *, rounds: int, people: int, events: int) -> "Bench":
        workload.PEOPLE, workload.EVENTS = people, events
        servers = ensure_servers(folder, durable=True)
        try:
            django.setup()
            call_command("migrate", verbosity=0)
            from cdp.workspace import set_up

            _as_owner("CREATE TABLE yardstick_row (id bigserial PRIMARY KEY, body bytea NOT NULL)")
            _as_owner("ALTER TABLE yardstick_row ALTER body SET STORAGE EXTERNAL")
            _as_owner("GRANT SELECT, INSERT ON yardstick_row TO cdp_app")
            _as_owner("GRANT USAGE ON yardstick_row_id_seq TO cdp_app")
            set_up(folder=folder, now=datetime.now(UTC))
            write_key, read_key = _issue_keys()
        except BaseException:
            servers.stop()
            raise
        return cls(servers, rounds, write_key, read_key, datetime.now(UTC) - AGE_OF_THE_NEWEST)

    def stop(self) -> None:
        from django.db import connections

        self._stop_web()
        connections.close_all()
        self.servers.stop()

    def measure(self, which: set[str]) -> Iterator[dict[str, object]]:
        """Yield one row per ratio as it is known: key, note, ratios, product and yardstick as text."""
        if "a" in which:
            yield self.door()
        if which & set("bcd"):
            yield from self.apply(compare="b" in which)
        if "c" in which:
            yield self.read()
        if "d" in which:
            yield self.rules()

    # -- (a) ------------------------------------------------------------------------------------------------------
    def door(self) -> dict[str, object]:
        self._start_web()
        bodies = workload.batches(workload.events(end=self.end), sent_at=self.end)[:DOOR_REQUESTS]
        headers = {"X-Write-Key": self.write_key, "Content-Type": "application/json"}
        product = [request("POST", "/v1/batch", headers=headers, body=body) for body in bodies]
        yardstick = [request("POST", "/yardstick/row", headers=headers, body=body) for body in bodies]
        ours, theirs = [], []
        for _ in range(self.rounds + 1):  # the first round warms connections and caches and does not count
            _as_owner("TRUNCATE yardstick_row, inbox")
            with connected(self.port) as sockets:
                theirs.append(seconds_for(sockets, yardstick))
                ours.append(seconds_for(sockets, product))
        self._stop_web()
        _as_owner("TRUNCATE yardstick_row, inbox")
        per_second = [len(bodies) / seconds for seconds in (statistics.median(ours[1:]), statistics.median(theirs[1:]))]
        return {
            "key": "a",
            "note": "",
            "ratios": [theirs[n] / ours[n] for n in range(1, self.rounds + 1)],
            "product": f"{per_second[0]:.0f} batches/s ({per_second[0] * workload.BATCH:.0f} events/s)",
            "yardstick": f"{per_second[1]:.0f} rows/s",
        }

    # -- (b) ------------------------------------------------------------------------------------------------------
    def apply(self, *, compare: bool) -> Iterator[dict[str, object]]:
        """Apply the workload without rules, then again with all twenty live; each against COPYs of the same rows."""
        self._accept(workload.batches(workload.identifies(end=self.end), sent_at=self.end))
        drain()
        bodies = workload.batches(workload.events(end=self.end), sent_at=self.end)
        if compare:
            yield from self._apply_rounds(bodies, key="b", note=", no live rules")
            publish_rules()
            drain()
            yield from self._apply_rounds(bodies, key="b20", note=", 20 live rules evaluated on the way")
        else:
            self._accept(bodies)
            drain()
            publish_rules()
            drain()

    def _apply_rounds(self, bodies: list[bytes], *, key: str, note: str) -> Iterator[dict[str, object]]:
        """Apply the same requests by one worker process and by as many as the product runs here, in turns."""
        counts = sorted({1, settings.CDP_WORKER_PROCESSES})
        ours: dict[int, list[float]] = {count: [] for count in counts}
        theirs: dict[int, list[float]] = {count: [] for count in counts}
        for _ in range(self.rounds):
            for count in counts:
                ours[count].append(self._apply_once(bodies, processes=count))
                theirs[count].append(bare_copy())
        for count in counts:
            processes = "one process" if count == 1 else f"{count} processes at once"
            scaling = statistics.median(ours[1]) / statistics.median(ours[count])
            yield {
                "key": f"{key}{'' if count == 1 else f'x{count}'}",
                "note": note,
                "ratios": [theirs[count][n] / ours[count][n] for n in range(self.rounds)],
                "product": f"{workload.EVENTS / statistics.median(ours[count]):.0f} events/s applied by {processes}"
                + ("" if count == 1 else f", {scaling:.2f} times as many as by one"),
                "yardstick": f"{workload.EVENTS / statistics.median(theirs[count]):.0f} events/s copied",
            }

    def _apply_once(self, bodies: list[bytes], *, processes: int) -> float:
        """Return the seconds from accepted to applied: stored, people folded, cards written, memberships decided."""
        forget_events()
        with workers(processes) as drain_all:
            self._accept(bodies)
            seconds = _timed(drain_all)
        stored = _value("SELECT count(*) FROM events WHERE kind = 1")
        left = _value("SELECT (SELECT count(*) FROM inbox WHERE state <> 1) + (SELECT count(*) FROM touched)")
        assert (stored, left) == (workload.EVENTS, 0), f"{stored} events stored of {workload.EVENTS}, {left} rows left"
        return seconds

    def _accept(self, bodies: list[bytes]) -> None:
        from profiles.ingest.inbox import Sender, accept
        from profiles.models.source import SourceKind

        sender = Sender(source="bench", kind=SourceKind.SERVER)
        for body in bodies:
            accept(sender=sender, route="batch", body=body, event_count=body.count(b'"messageId"'))

    # -- (c) ------------------------------------------------------------------------------------------------------
    def read(self) -> dict[str, object]:
        self._start_web()
        headers = {"Authorization": f"Bearer {self.read_key}"}
        sample = httpx.get(f"http://127.0.0.1:{self.port}/v1/profiles/user_id:u_7", headers=headers, trust_env=False)
        sample.raise_for_status()
        size = len(sample.content)
        people = [f"/v1/profiles/user_id:u_{number * 7 % workload.PEOPLE}" for number in range(READ_REQUESTS)]
        product = [request("GET", target, headers=headers) for target in people]
        yardstick = [request("GET", f"/yardstick/constant/{size}", headers=headers)] * READ_REQUESTS
        ours, theirs = [], []
        for _ in range(self.rounds + 1):
            with connected(self.port) as sockets:
                theirs.append(seconds_for(sockets, yardstick))
                ours.append(seconds_for(sockets, product))
        self._stop_web()
        medians = statistics.median(ours[1:]), statistics.median(theirs[1:])
        per_second = [READ_REQUESTS / seconds for seconds in medians]
        return {
            "key": "c",
            "note": f", {size} bytes, access records written",
            "ratios": [theirs[n] / ours[n] for n in range(1, self.rounds + 1)],
            "product": f"{per_second[0]:.0f} reads/s",
            "yardstick": f"{per_second[1]:.0f} answers/s",
        }

    # -- (d) ------------------------------------------------------------------------------------------------------
    def rules(self) -> dict[str, object]:
        _as_owner("VACUUM ANALYZE")
        now = datetime.now(UTC)
        statement, columns = everyone_statement()
        ours, theirs = [], []
        found: dict[str, set[int]] = {}
        expected: dict[str, set[int]] = {}
        for _ in range(self.rounds + 1):
            theirs.append(_timed(lambda: expected.update(_members((HERE / "hand_written.sql").read_text(), now, None))))
            ours.append(_timed(lambda: found.update(_members(statement, now, columns))))
        for key in workload.RULES:
            assert found[key] == expected[key], f"{key}: {len(found[key])} people, by hand {len(expected[key])}"
        return {
            "key": "d",
            "note": f", {workload.PEOPLE} people; results compared equal",
            "ratios": [ours[n] / theirs[n] for n in range(1, self.rounds + 1)],
            "product": f"{statistics.median(ours[1:]):.2f} s (values and due times)",
            "yardstick": f"{statistics.median(theirs[1:]):.2f} s (values)",
        }

    def _start_web(self) -> None:
        from cdp.supervisor.programs import web
        from cdp.supervisor.tree import choose_port

        self.port = choose_port("127.0.0.1", 0)
        self.web = subprocess.Popen(web(host="127.0.0.1", port=self.port, processes=2).command, stdout=sys.stderr)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/healthz", trust_env=False)
                return
            except httpx.TransportError:
                time.sleep(0.1)
        raise RuntimeError("the web server did not start")

    def _stop_web(self) -> None:
        if self.web is not None:
            self.web.terminate()
            self.web.wait(20)
            self.web = None


@contextmanager
def workers(processes: int) -> Iterator[Callable[[], None]]:
    """Start worker processes; what is yielded has all of them apply what is pending, and waits for the last."""
    command = [sys.executable, "-m", "tests.benchmarks.worker"]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]

    def drain_all() -> None:
        for worker in started:
            _tell(worker)
        for worker in started:
            _hear(worker, "done")

    try:
        for worker in started:
            _hear(worker, "ready")
        yield drain_all
    finally:
        for worker in started:
            worker.communicate()


def _tell(worker: subprocess.Popen[str]) -> None:
    assert worker.stdin is not None
    worker.stdin.write("drain\n")
    worker.stdin.flush()


def _hear(worker: subprocess.Popen[str], wanted: str) -> None:
    assert worker.stdout is not None
    heard = worker.stdout.readline().strip()
    if heard != wanted:
        raise RuntimeError(f"a worker ended instead of saying {wanted}")


def publish_rules() -> None:
    """Make the twenty rules live through the governance verbs."""
    from tests.benchmarks.publish import publish

    publish(workload.RULES)


def everyone_statement() -> tuple[str, list[str]]:
    """Return the compiled statement over everybody, and which of its columns is which rule."""
    from tests.benchmarks.publish import compiled_rules

    return compiled_rules(workload.RULES)


def forget_events() -> None:
    """Take the database back to people without events."""
    _as_owner(
        "SET cdp.maintenance = 'on'; TRUNCATE events, event_key, inbox, touched, due, membership, outbox;"
        "UPDATE profile SET event_count = 0; RESET cdp.maintenance"
    )
    _as_owner("VACUUM ANALYZE profile, card, trait, origin, identifier")


def bare_copy() -> float:
    """COPY the rows that were just applied into the same table, emptied, with the same indexes; return the seconds."""
    from django.db import connections

    columns = _value(
        "SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute"
        " WHERE attrelid = 'events'::regclass AND attnum > 0 AND NOT attisdropped"
    )
    with connections["owner"].cursor() as cursor:
        rows = io.StringIO()
        cursor.copy_expert(f"COPY (SELECT {columns} FROM events WHERE kind = 1) TO STDOUT", rows)
        cursor.execute("TRUNCATE events")
        rows.seek(0)
        started = time.perf_counter()
        cursor.copy_expert(f"COPY events ({columns}) FROM STDIN", rows)
        return time.perf_counter() - started


def _members(statement: str, now: datetime, columns: list[str] | None) -> dict[str, set[int]]:
    """Run a statement inside the server, then fetch who is in which rule (the fetch is the same for both)."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, {"now": now, "ids": None})
        names = [column.name for column in cursor.description]
        keys = dict(zip(columns, workload.RULES, strict=True)) if columns else {key: key for key in workload.RULES}
        places = {names.index(column): key for column, key in keys.items()}
        found: dict[str, set[int]] = {key: set() for key in workload.RULES}
        for row in cursor.fetchall():
            for place, key in places.items():
                if row[place] is True:
                    found[key].add(row[0])
    return found


def _timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _value(statement: str) -> Any:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def _as_owner(statement: str) -> None:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)


def _issue_keys() -> tuple[str, str]:
    from cdp import api_keys
    from cdp.models import KeyKind, Scope

    now = datetime.now(UTC)
    assert settings.ROOT_URLCONF == "tests.benchmarks.yardsticks"
    _, write = api_keys.issue(
        kind=KeyKind.SECRET, name="bench", scopes={Scope.INGEST_WRITE}, source="bench", by=None, now=now
    )
    _, read = api_keys.issue(
        kind=KeyKind.SECRET, name="bench reads", scopes={Scope.PROFILES_READ}, purpose="service", by=None, now=now
    )
    return write, read
