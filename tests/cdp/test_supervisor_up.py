"""`manage.py up` with everything real: it starts, stops with nothing left over, and comes back after a kill."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cdp.test_supervisor import eventually, gone
from tests.running import Command


@pytest.fixture
def folder(data_folder: Path) -> Iterator[Path]:
    yield data_folder
    notes = data_folder / "processes.json"
    left = json.loads(notes.read_text()) if notes.exists() else {}
    assert all(gone(pid) for pid, _ in left.values())


def test_it_starts_comes_back_after_kill_9_and_stops_with_nothing_left(folder: Path) -> None:
    up = Command("up", folder=folder)
    facts = up.wait_until_ready()
    assert {"base_url", "admin_url", "logins", "write_key", "read_key", "compliance_key"} == facts.keys()
    assert {(folder / name).stat().st_mode & 0o777 for name in ("secret", "workspace.json")} == {0o600}

    refused = Command("up", folder=folder)
    assert f"in use by process {up.process.pid}" in refused.process.communicate(timeout=60)[1]
    assert refused.process.returncode == 1

    started = up.descendants()
    up.end(signal.SIGKILL)
    assert eventually(lambda: all(gone(process.pid) for process in started), seconds=20)

    again = Command("up", folder=folder)
    same = again.wait_until_ready()
    health = httpx.get(same["base_url"] + "/healthz", trust_env=False).json()
    started = again.descendants()
    names = " ".join(" ".join(process.cmdline()) for process in started)
    out, err = again.end(signal.SIGTERM)

    assert (same["write_key"], same["logins"]) == (facts["write_key"], facts["logins"])
    assert (health["status"], health["database"], health["redis"], health["worker"]) == ("ok",) * 4
    assert all(part in names for part in ("postgres", "valkey", "granian", "worker", "beat"))
    assert (again.process.returncode, out) == (0, "") and "Stopped." in err
    assert all(gone(process.pid) for process in started)
