"""PostgreSQL fails over: the primary is killed under load, its synchronous standby is promoted, the product goes on.

    python -m tests.faults.failover --seconds 20

The product is told both servers and is not restarted. Everything it acknowledged must be on the new primary.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2

from cdp.embedded import APP_ROLE, OWNER_ROLE, Postgres, ensure_postgres
from tests.faults.open_loop import CUT, Sending, open_loop, percentiles
from tests.outages import product

_WITHOUT_A_PRIMARY_SECONDS = 3.0


@dataclass(slots=True)
class Outcome:
    """What the senders saw."""

    sending: Sending = field(default_factory=Sending)
    killed_at: float = 0
    promoted_at: float = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        answers = self.sending.statuses()
        away = self.sending.between(self.killed_at, self.promoted_at)
        back = self.sending.first_after(self.promoted_at)
        return "\n".join([
            f"{len(self.sending.answers)} requests: {answers[200]} answered 200, {answers[503]} answered 503,"
            f" {answers[CUT]} not answered",
            f"without a primary for {self.promoted_at - self.killed_at:.1f} s: {len(away)} requests,"
            f" {sum(answer.status == 200 for answer in away)} of them 200",
            f"the first 200 came {back:.2f} s after the promotion; the product was not restarted" if back else "no 200",
            f"before: {percentiles(self.sending.between(0, self.killed_at))}",
            "; ".join(self.problems) or "0 acknowledged events lost",
        ])  # fmt: skip


def run(*, seconds: float, per_second: float, folder: Path) -> Outcome:
    """Run the product on a primary with a synchronous standby, fail over in the middle, count."""
    outcome = Outcome()
    with _pair(folder) as (primary, standby):
        hosts = f"host={primary.socket_dir},{standby.socket_dir}&target_session_attrs=read-write"
        addresses = {
            "DATABASE_URL": f"postgresql://{APP_ROLE}@/cdp?{hosts}",
            "DATABASE_OWNER_URL": f"postgresql://{OWNER_ROLE}@/cdp?{hosts}",
        }
        with product(folder / "product", **addresses) as running:
            with open_loop(running, per_second=per_second) as outcome.sending:
                time.sleep(seconds / 2)
                primary.stop(how=signal.SIGQUIT)
                outcome.killed_at = time.monotonic()
                time.sleep(_WITHOUT_A_PRIMARY_SECONDS)
                outcome.promoted_at = time.monotonic()
                _promote(standby)
                time.sleep(seconds / 2)
            running.wait_until_applied(seconds=120)
            outcome.problems += outcome.sending.problems(running)
        _judge(outcome)
    return outcome


def _judge(outcome: Outcome) -> None:
    away = outcome.sending.between(outcome.killed_at, outcome.promoted_at)
    if any(answer.status == 200 for answer in away):
        outcome.problems.append("a request was acknowledged while there was no primary")
    if not any(answer.status == 503 for answer in away):
        outcome.problems.append("nobody was turned away: nothing was proven")
    if outcome.sending.first_after(outcome.promoted_at) is None:
        outcome.problems.append("the product did not come back")


@contextmanager
def _pair(folder: Path) -> Iterator[tuple[Postgres, Postgres]]:
    """Run a primary and a standby that confirms every commit before its sender hears of it."""
    for name in ("one", "two", "product"):
        (folder / name).mkdir(parents=True)
        (folder / name).chmod(0o755)
    folder.chmod(0o755)
    primary = ensure_postgres(folder / "one", durable=True)
    standby = _standby(primary, folder / "two")
    try:
        standby.start()
        _ask(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        _ask(primary, "SELECT pg_reload_conf()")
        until = time.monotonic() + 20
        while ("sync",) not in _ask(primary, "SELECT sync_state FROM pg_stat_replication"):
            assert time.monotonic() < until, "the standby does not follow"
            time.sleep(0.1)
        yield primary, standby
    finally:
        primary.stop()
        standby.stop()


def _standby(primary: Postgres, folder: Path) -> Postgres:
    sockets, cluster = folder / "run", folder / "postgres"
    account = primary.account
    sockets.mkdir(mode=0o700)
    os.chown(sockets, account.uid, account.gid)
    os.chown(folder, account.uid, account.gid)
    command = [primary.binaries / "pg_basebackup", "--pgdata", cluster, "--host", primary.socket_dir]
    command += ["--username", "postgres", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
    as_account = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.foreign else {}
    subprocess.run(command, check=True, cwd="/", capture_output=True, **as_account)
    return Postgres(cluster, sockets, primary.binaries, account, True, folder / "postgres.log")


def _promote(standby: Postgres) -> None:
    assert _ask(standby, "SELECT pg_promote()") == [(True,)]


def _ask(server: Postgres, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(server.url("postgres", "postgres"))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.failover", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--per-second", type=float, default=25)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdp-failover-") as folder:
        outcome = run(seconds=arguments.seconds, per_second=arguments.per_second, folder=Path(folder))
    print(outcome)
    return int(bool(outcome.problems))


if __name__ == "__main__":
    sys.exit(main())
