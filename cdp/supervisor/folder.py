"""The data folder of one tree: its lock, and the list of processes that a killed tree may have left behind."""

import fcntl
import json
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import psutil


class AlreadyRunning(RuntimeError):
    """Another tree holds this data folder."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A process as it was written down. Its start tells it from a later process that got the same number."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "Seen":
        return cls(pid, psutil.Process(pid).create_time())

    def alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1
            return same and bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False


@dataclass(slots=True)
class DataFolder:
    """Where one tree keeps everything. Use `hold` before anything is started in it."""

    path: Path
    _lock: TextIO | None = None

    def hold(self) -> None:
        """Take the folder for this process; raises AlreadyRunning.

        The kernel drops the lock with the process that holds it, so no kill leaves a stale one.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(exist_ok=True)
        lock = (self.path / "up.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            lock.close()
            raise AlreadyRunning(
                f"{self.path} is in use by {holder}. Stop it first, or choose another folder with --data."
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
        self._lock = lock

    def release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def logs(self) -> Path:
        return self.path / "log"

    def write_down(self, processes: Mapping[str, int]) -> None:
        """Note what runs, by name, for whoever has to end it after us."""
        notes = {name: [seen.pid, seen.started] for name, seen in _present(processes).items()}
        draft = self.path / "processes.json.new"
        draft.write_text(json.dumps(notes))
        draft.replace(self.path / "processes.json")

    def end_strays(self, *, seconds: float = 5) -> list[str]:
        """End what a killed tree left behind, groups and all, and return the names."""
        strays = {name: seen for name, seen in self._written_down().items() if _group_alive(seen)}
        for seen in strays.values():
            signal_group(seen.pid, signal.SIGTERM)
        until = time.monotonic() + seconds
        while any(_group_alive(seen) for seen in strays.values()) and time.monotonic() < until:
            time.sleep(0.05)
        for seen in strays.values():
            if _group_alive(seen):
                signal_group(seen.pid, signal.SIGKILL)
        return sorted(strays)

    def _written_down(self) -> dict[str, Seen]:
        try:
            notes = json.loads((self.path / "processes.json").read_text())
            return {name: Seen(int(pid), float(started)) for name, (pid, started) in notes.items()}
        except (FileNotFoundError, ValueError):
            return {}


def signal_group(pid: int, number: int) -> None:
    """Signal a child and everything it started; each child leads a process group of its own."""
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


def _present(processes: Mapping[str, int]) -> dict[str, Seen]:
    present = {}
    for name, pid in processes.items():
        try:
            present[name] = Seen.of(pid)
        except psutil.NoSuchProcess:
            continue
    return present


def _group_alive(leader: Seen) -> bool:
    """Tell whether the leader or a member of its group still runs.

    A group outlives its leader, and while it lives its number is given to nobody else; but once both are gone the
    number may come back as another's, so a group counts as ours only when its members are no older than our leader.
    """
    if leader.alive():
        return True
    for process in psutil.process_iter(["pid", "create_time", "status"]):
        try:
            if os.getpgid(process.pid) == leader.pid and process.info["status"] != psutil.STATUS_ZOMBIE:
                return not psutil.pid_exists(leader.pid) and process.info["create_time"] >= leader.started - 1
        except (ProcessLookupError, PermissionError):
            continue
    return False
