"""One child process: started so that it dies with us, stopped with its whole group."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from cdp.supervisor.folder import signal_group
from cdp.supervisor.programs import Program

_PR_SET_PDEATHSIG = 1
# Short: while a worker is away events wait, and one that falls at once costs two seconds of a processor each time.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
_STEADY_SECONDS = 10  # a child that ran this long has recovered: its next fall counts as the first
_LOG_BYTES = 20_000_000
_HOUSE = Path(__file__).resolve().parent.parent.parent


@dataclass(slots=True)
class Child:
    """A program that is meant to run, and what became of it."""

    program: Program
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    falls: int = 0
    _started: float = field(default=0.0)
    _again: float = field(default=0.0)

    def start(self) -> None:
        """Start the program with its output in `log`."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self.process = spawn(self.program.command, environment=self.environment, stdout=log, stderr=log)
        self._started = time.monotonic()
        self._again = 0.0

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def look_after(self) -> str | None:
        """Start the child again if it fell, after a pause that doubles; return a sentence when something happened."""
        if self.process is None or self.process.poll() is None:
            return None
        now = time.monotonic()
        if not self._again:
            signal_group(self.process.pid, signal.SIGKILL)  # its own children hold its port and its tasks
            self.falls = 1 if now - self._started > _STEADY_SECONDS else self.falls + 1
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (self.falls - 1))
            self._again = now + pause
            ending = _ending(self.process.returncode)
            return f"{self.program.name} ended with {ending}; starting it again in {pause:g} s"
        if now >= self._again:
            try:
                self.start()
            except OSError as failure:  # no room for its log, no process to be had: it may pass
                self._again = now + _LONGEST_PAUSE
                return f"{self.program.name} cannot be started: {failure.strerror}"
            return f"{self.program.name} runs again as process {self.pid}"
        return None

    def ask_to_stop(self) -> None:
        if self.pid is not None and self.process is not None:
            self.process.send_signal(signal.SIGTERM)

    def serves(self) -> bool:
        """Say whether the child runs and, where it is to listen, a process of it does."""
        if self.pid is None:
            return False
        if not self.program.port:
            return True
        try:
            processes = [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]
            found = [each for process in processes for each in process.net_connections("tcp")]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == self.program.port for each in found)

    def stop(self) -> bool:
        """Stop the child and its group; return False when it had to be killed."""
        if self.process is None:
            return True
        self.ask_to_stop()
        willing = True
        try:
            self.process.wait(self.program.grace)
        except subprocess.TimeoutExpired:
            willing = False
        signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        return willing

    def last_words(self, *, lines: int = 15) -> str:
        """Return the end of the log, for whoever must find out why the child does not run."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def spawn(
    command: Sequence[str], *, environment: Mapping[str, str], stdout: IO[Any], stderr: IO[Any] | None
) -> subprocess.Popen[bytes]:
    """Start a process that dies with us and leads a group of its own."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        env=dict(environment),
        cwd=_HOUSE,  # where `-m` finds the product's modules, wherever we were called from
        start_new_session=True,  # Ctrl-C reaches only us: the order of stopping is ours
        preexec_fn=_die_with(os.getpid()),
    )


def _die_with(parent: int) -> Callable[[], None]:
    """Return what a child does between fork and exec so that it gets SIGTERM when `parent` dies, even by kill -9."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)

    return prepare


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit status {code}"
