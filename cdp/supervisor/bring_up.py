"""Bring the whole product up on one data folder, and down again whatever happens."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from django.conf import settings

from cdp.credentials import Credentials
from cdp.embedded import APP_ROLE, OWNER_ROLE, EmbeddedServerFailed, ensure_postgres, ensure_valkey
from cdp.supervisor import programs
from cdp.supervisor.folder import AlreadyRunning, DataFolder
from cdp.supervisor.tree import StartFailed, Tree, choose_port, environment, signals_as_interrupt, to_stderr

FAILURES = (StartFailed, AlreadyRunning, EmbeddedServerFailed)
MANAGE = Path(__file__).resolve().parent.parent.parent / "manage.py"


@dataclass(frozen=True, slots=True)
class Wish:
    """What to bring up, and where."""

    data: Path
    host: str
    port: int
    changes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Product:
    """The product while it runs."""

    tree: Tree
    base_url: str
    credentials: Credentials
    environment: Mapping[str, str]

    def stay(self, seconds: float | None = None) -> None:
        """Look after the children for so long, or until a signal ends the block this runs in."""
        until = None if seconds is None else time.monotonic() + seconds
        while until is None or time.monotonic() < until:
            self.tree.look_after()
            time.sleep(0.2)


@contextmanager
def product(wish: Wish) -> Iterator[Product]:
    """Run servers, migrations, web, worker and beat for the length of the block.

    Ctrl-C and SIGTERM end the block with KeyboardInterrupt; SIGHUP replaces web, worker and beat while it goes on.
    Raises one of FAILURES.
    """
    tree = Tree(DataFolder(wish.data), say=to_stderr)
    tree.folder.hold()
    with signals_as_interrupt(hang_up=tree.replace_soon):
        try:
            port = choose_port(wish.host, wish.port)
            strays = tree.folder.end_strays()
            if strays:
                to_stderr(f"Ended what an earlier start had left behind: {', '.join(strays)}")
            variables = _environment(tree, wish)
            credentials = _prepare(variables, tree.folder.logs / "prepare.log")
            to_stderr("Starting web, worker and beat …")
            for program in programs.product(host=wish.host, port=port, web_processes=settings.CDP_WEB_PROCESSES):
                tree.start(program, environment=variables)
            base_url = f"http://{_spoken(wish.host)}:{port}"
            tree.wait_until_ready(f"{base_url}/healthz", ready=_ready)
            yield Product(tree, base_url, credentials, variables)
        finally:
            tree.stop()


def _environment(tree: Tree, wish: Wish) -> dict[str, str]:
    """Start the servers that no URL names, and return the environment that names them all."""
    addresses = {"CDP_DATA_DIR": str(wish.data)}
    if "DATABASE_URL" not in os.environ:
        to_stderr("Starting PostgreSQL …")
        postgres = ensure_postgres(wish.data, durable=True)
        tree.servers.append(postgres)
        addresses |= {"DATABASE_URL": postgres.url(APP_ROLE), "DATABASE_OWNER_URL": postgres.url(OWNER_ROLE)}
    if "REDIS_URL" not in os.environ:
        to_stderr("Starting Valkey …")
        valkey = ensure_valkey(wish.data, durable=True)
        tree.servers.append(valkey)
        addresses["REDIS_URL"] = f"unix://{valkey.socket}"
    return environment(CDP_BOOTSTRAP="0", **addresses, **wish.changes)


def _prepare(variables: Mapping[str, str], log: Path) -> Credentials:
    """Migrate and set the workspace up, in a process of its own: its settings must name the servers just started."""
    to_stderr("Migrating …")
    done = subprocess.run(
        [sys.executable, str(MANAGE), "prepare"],
        env=dict(variables),
        cwd=MANAGE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    log.write_text(done.stderr)
    if done.returncode:
        raise StartFailed(f"The database could not be prepared. The end of {log}:\n{done.stderr[-3000:]}")
    return Credentials.from_json(json.loads(done.stdout.splitlines()[-1]))


def _ready(response: httpx.Response) -> bool:
    return response.status_code == 200 and response.json().get("worker") == "ok"


def _spoken(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104
