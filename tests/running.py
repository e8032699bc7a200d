"""The product as real processes, for tests that come in through its doors: journeys, clients, faults."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent
_SETTINGS = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "CDP_DATA_DIR", "CDP_SECRET_FILE")


class Command:
    """One `manage.py up` or `demo` of the release in `root`; `variables` add to a bare environment."""

    def __init__(self, *arguments: str, folder: Path, root: Path = ROOT, **variables: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in _SETTINGS}
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, str(root / "manage.py"), *arguments, "--json", "--port", "0", "--data", str(folder)],
            cwd="/",
            env=environment | {"CDP_BOOTSTRAP": "0"} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> dict[str, Any]:
        assert self.process.stdout is not None and self.process.stderr is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: int = signal.SIGTERM) -> tuple[str, str]:
        self.process.send_signal(number)
        return self.process.communicate(timeout=90)


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """A folder for `--data` that the servers' own user can reach when we are root; pytest's is closed to others."""
    house = Path(tempfile.mkdtemp(prefix="cdp-up-"))
    house.chmod(0o755)
    yield house / "var"
    shutil.rmtree(house, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Running:
    """What a test knows about the running product: the addresses and secrets its operator was told, and its processes.

    The supervisor starts a killed process again. Servers are killed through the `servers` fixture, which owns them.
    """

    command: Command
    base_url: str
    logins: dict[str, dict[str, str]]
    write_key: str
    read_key: str
    compliance_key: str

    def client(self, key: str = "") -> httpx.Client:
        return httpx.Client(base_url=self.base_url, auth=(key, "") if key else None, timeout=30, trust_env=False)

    def pid(self, name: str) -> int:
        """Return the process number of web, worker or beat as it runs now."""
        return int(json.loads((self.command.folder / "processes.json").read_text())[name][0])

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Kill web, worker or beat with everything it started."""
        os.killpg(self.pid(name), number)


@pytest.fixture(scope="module")
def running(
    servers: Any, django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """Run web, worker and beat on the session's database for one module of tests, and empty the database after it.

    Tests of one module share what is stored: give each its own people. They may read and write the database directly.
    """
    from tests.conftest import DATA_DIR, empty_database

    addresses = {
        "DATABASE_URL": servers.database_url,
        "DATABASE_OWNER_URL": servers.owner_url,
        "REDIS_URL": servers.redis_url,
        "CDP_SECRET_FILE": str(DATA_DIR / "secret"),
    }
    up = Command("up", folder=tmp_path_factory.mktemp("running"), **addresses)
    try:
        facts = up.wait_until_ready()
        facts.pop("admin_url")
        with django_db_blocker.unblock():
            yield Running(command=up, **facts)
    finally:
        up.end()
        with django_db_blocker.unblock():
            empty_database()
