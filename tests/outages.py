"""The whole product on a folder of its own, durable as in production, whose servers a test may take away."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from tests.running import ROOT, Command


class Product:
    """A running `manage.py up` with its own embedded servers; the supervisor starts again whatever is killed."""

    def __init__(self, folder: Path, root: Path, **variables: str) -> None:
        self.folder = folder
        self.database = variables.get("DATABASE_URL", f"postgresql://cdp_app@/cdp?host={folder / 'postgres.socket'}")
        # Its people have passwords made for this run only: a second factor would prove nothing here.
        self.command = Command("up", folder=folder, root=root, CDP_REQUIRE_OTP="0", **variables)
        self.facts = self.command.wait_until_ready()
        self.base_url: str = self.facts["base_url"]
        self.write_key: str = self.facts["write_key"]
        self.read_key: str = self.facts["read_key"]

    def stop(self) -> None:
        self.command.end()

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database directly, waiting for it if it is just coming back."""
        until = time.monotonic() + 60
        while True:
            try:
                connection = psycopg2.connect(self.database)
                break
            except psycopg2.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall()
        finally:
            connection.close()

    def totals(self) -> dict[str, int]:
        """accepted, stored, duplicate, rejected, pending: counts of events."""
        names = ("accepted", "stored", "duplicate", "rejected", "pending")
        row = self.query(
            "SELECT coalesce(sum(event_count), 0), coalesce(sum(stored), 0), coalesce(sum(duplicates), 0),"
            " coalesce(sum(rejected), 0), coalesce(sum(event_count) FILTER (WHERE state <> 1), 0) FROM inbox"
        )[0]
        return dict(zip(names, map(int, row), strict=True))

    def wait_until_applied(self, *, seconds: float = 90) -> None:
        """Wait until nothing is pending and nobody is touched."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not self.totals()["pending"] and not self.query("SELECT count(*) FROM touched")[0][0]:
                return
            time.sleep(0.2)
        log = (self.folder / "log" / "worker.log").read_text(errors="replace")[-2000:]
        raise AssertionError(f"not applied within {seconds} s: {self.totals()}; the worker's last words:\n{log}")

    def postmaster(self) -> int:
        folder = (self.folder / "postgres.socket").resolve().parent
        return int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])

    def kill_postgres(self) -> None:
        """An immediate stop: no checkpoint, the next start recovers."""
        _signal(self.postmaster, signal.SIGQUIT)

    def kill_valkey(self) -> None:
        _signal(lambda: self._descendant("valkey-server").pid, signal.SIGKILL)

    def flush_valkey(self) -> None:
        import redis

        with redis.Redis(unix_socket_path=str(self.folder / "valkey.socket")) as client:
            client.flushall()

    def kill_workers(self) -> None:
        """SIGKILL to the Celery worker and everything it started."""
        for process in self._descendants():
            with suppress(psutil.NoSuchProcess):  # a zombie has no command line either
                command = process.cmdline()
                if "worker" in command and "celery" in " ".join(command):
                    _signal(lambda pid=process.pid: pid, signal.SIGKILL)

    def _descendants(self) -> list[psutil.Process]:
        return self.command.descendants()

    def _descendant(self, name: str) -> psutil.Process:
        for process in self._descendants():
            with suppress(psutil.NoSuchProcess):
                if name in " ".join(process.cmdline()):
                    return process
        raise StopIteration(name)


def _signal(find: Callable[[], int], number: int) -> None:
    # It may be down already: the fault it was to suffer is the one before.
    gone = (ProcessLookupError, FileNotFoundError, psutil.NoSuchProcess, StopIteration, ValueError, IndexError)
    with suppress(*gone):
        os.kill(find(), number)


@contextmanager
def product(folder: Path, root: Path = ROOT, **variables: str) -> Iterator[Product]:
    """Run the product on `folder` for the length of the block; `variables` add to its environment."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)  # as root PostgreSQL runs as somebody else, who must reach the folder
    started = Product(folder, root, **variables)
    try:
        yield started
    finally:
        started.stop()
