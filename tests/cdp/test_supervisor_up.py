"""`manage.py up` with everything real: it starts, stops with nothing left over, and comes back after a kill."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.cdp.test_supervisor import eventually, gone

ROOT = Path(__file__).resolve().parent.parent.parent


class Up:
    """One `manage.py up` on a folder of its own."""

    def __init__(self, folder: Path) -> None:
        environment = os.environ | {"CDP_BOOTSTRAP": "0"}
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "CDP_DATA_DIR", "CDP_SECRET_FILE"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "up", "--json", "--port", "0", "--data", str(folder)],
            cwd="/",
            env=environment,
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

    def end(self, number: int) -> tuple[str, str]:
        self.process.send_signal(number)
        return self.process.communicate(timeout=60)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "var"
    notes = tmp_path / "var" / "processes.json"
    left = json.loads(notes.read_text()) if notes.exists() else {}
    assert all(gone(pid) for pid, _ in left.values())


def test_it_starts_answers_and_stops_everything_on_sigterm(folder: Path) -> None:
    up = Up(folder)
    facts = up.wait_until_ready()
    health = httpx.get(facts["base_url"] + "/healthz", trust_env=False).json()
    started = up.descendants()
    names = " ".join(" ".join(process.cmdline()) for process in started)

    out, err = up.end(signal.SIGTERM)

    assert {"base_url", "admin_url", "logins", "write_key", "read_key", "compliance_key"} == facts.keys()
    assert (health["status"], health["database"], health["redis"], health["worker"]) == ("ok",) * 4
    assert all(part in names for part in ("postgres", "valkey", "granian", "worker", "beat"))
    assert (up.process.returncode, out) == (0, "") and "Stopped." in err
    assert all(gone(process.pid) for process in started)
    assert (folder / "secret").stat().st_mode & 0o777 == 0o600
    assert (folder / "workspace.json").stat().st_mode & 0o777 == 0o600


def test_it_comes_back_after_kill_9_with_the_same_logins_and_keys(folder: Path) -> None:
    up = Up(folder)
    facts = up.wait_until_ready()
    started = up.descendants()

    refused = Up(folder)
    assert f"in use by process {up.process.pid}" in refused.process.communicate(timeout=60)[1]
    assert refused.process.returncode == 1

    up.end(signal.SIGKILL)
    assert eventually(lambda: all(gone(process.pid) for process in started), seconds=20)
    again = Up(folder)
    try:
        assert again.wait_until_ready()["write_key"] == facts["write_key"]
    finally:
        again.end(signal.SIGTERM)
