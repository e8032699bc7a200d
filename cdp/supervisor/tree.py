"""The tree of processes: start in order, wait until ready, look after, replace, stop in the opposite order."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from types import FrameType

import httpx

from cdp.embedded import EmbeddedServerFailed, Postgres, Valkey
from cdp.supervisor.child import Child, spawn
from cdp.supervisor.folder import DataFolder, signal_group
from cdp.supervisor.programs import Program

_READY_SECONDS = 180
_HOPELESS_FALLS = 3
_REVIVE_SECONDS = 2


class StartFailed(RuntimeError):
    """The tree did not come up; the message says what to look at."""


@dataclass(slots=True)
class Tree:
    """Everything that one `up` runs."""

    folder: DataFolder
    say: Callable[[str], None]
    servers: list[Postgres | Valkey] = field(default_factory=list)
    children: dict[str, Child] = field(default_factory=dict)
    _replacing: bool = False
    _revive_at: dict[int, float] = field(default_factory=dict)

    def start(self, program: Program, *, environment: Mapping[str, str]) -> Child:
        child = Child(program, environment, self.folder.logs / f"{program.name}.log")
        self.children[program.name] = child
        child.start()
        self._note()
        return child

    def run(self, command: Sequence[str], *, environment: Mapping[str, str]) -> tuple[int, str]:
        """Run a command to its end while looking after the children; return its exit status and what it printed."""
        with TemporaryFile() as printed:
            process = spawn(command, environment=environment, stdout=printed, stderr=None)
            try:
                while process.poll() is None:
                    self.look_after()
                    time.sleep(0.1)
            finally:
                signal_group(process.pid, signal.SIGKILL)
                process.wait()
            printed.seek(0)
            return process.returncode, printed.read().decode()

    def wait_until_ready(self, url: str, *, ready: Callable[[httpx.Response], bool]) -> None:
        """Wait until the web process answers `url` as `ready` wants; raises StartFailed with the log's last words."""
        until = time.monotonic() + _READY_SECONDS
        with httpx.Client(timeout=5, trust_env=False) as client:
            while time.monotonic() < until:
                self.look_after()
                self._give_up_on_the_hopeless()
                try:
                    if ready(client.get(url)):
                        return
                except httpx.TransportError:
                    pass
                time.sleep(0.1)
        raise StartFailed(f"{url} did not become ready within {_READY_SECONDS} s; see {self.folder.logs}.")

    def replace_soon(self) -> None:
        """Have every child replaced the next time they are looked after; a signal's handler may call this."""
        self._replacing = True

    def look_after(self) -> None:
        """Start again what fell, and replace the children where that was asked for."""
        if self._replacing:
            self._replacing = False
            self._replace()
        self._start_what_fell()

    def _start_what_fell(self) -> None:
        for server in self.servers:
            if not server.alive():
                self._revive(server)
        for child in self.children.values():
            said = child.look_after()
            if said:
                self.say(said)
                self._note()

    def _replace(self) -> None:
        """Replace every child by one of the code and environment there is now, each only once its successor serves."""
        for name, child in list(self.children.items()):
            if child.pid is None:
                continue
            successor = Child(child.program, child.environment, child.log)
            successor.start()
            if not self._comes_up(successor):
                successor.stop()
                self.say(
                    f"A new {name} does not come up, the old one goes on. The end of its log:\n{child.last_words()}"
                )
                return
            self.children[name] = successor
            self._note()
            if not child.stop():
                self.say(f"{name} did not stop in {child.program.grace:g} s and was killed: its work is done again")
            self.say(f"{name} was replaced and runs as process {successor.pid}")

    def _comes_up(self, successor: Child) -> bool:
        until = time.monotonic() + _READY_SECONDS
        while not successor.serves():
            if successor.pid is None or time.monotonic() > until:
                return False
            self._start_what_fell()
            time.sleep(0.1)
        return True

    def _revive(self, server: Postgres | Valkey) -> None:
        """Start a server again, or leave it for the next look when it does not start.

        The kernel lets go of what a killed server held only when the last of its processes has gone; and a full disk
        stops a server until somebody makes room. Meanwhile the web processes answer, and say when to come again.
        """
        if time.monotonic() < self._revive_at.get(id(server), 0.0):
            return
        self.say(f"{type(server).__name__} ended; starting it again")
        try:
            server.start()
        except (EmbeddedServerFailed, OSError) as failure:
            self._revive_at[id(server)] = time.monotonic() + _REVIVE_SECONDS
            self.say(f"{type(server).__name__} does not start, trying on: {str(failure).splitlines()[-1]}")

    def _give_up_on_the_hopeless(self) -> None:
        for child in self.children.values():
            if child.falls >= _HOPELESS_FALLS:
                raise StartFailed(f"{child.program.name} does not start. The end of {child.log}:\n{child.last_words()}")

    def stop(self) -> None:
        """Stop everything, the last started first. Nothing interrupts it: each step has its own time limit."""
        with _uninterrupted():
            for child in reversed(self.children.values()):
                if not child.stop():
                    self.say(f"{child.program.name} did not stop in {child.program.grace:g} s and was killed")
            for server in reversed(self.servers):
                server.stop()
            self.children.clear()
            self._note()
            self.folder.release()

    def _note(self) -> None:
        try:
            self.folder.write_down({name: child.pid for name, child in self.children.items() if child.pid is not None})
        except OSError as failure:  # a full disk; the list is for whoever comes after a kill -9, and nobody else
            self.say(f"The list of processes could not be written: {failure.strerror}")


@contextmanager
def signals_as_interrupt(*, hang_up: Callable[[], None]) -> Iterator[None]:
    """Make SIGTERM end the block as Ctrl-C does, and SIGHUP call `hang_up`, unless our terminal has gone away."""
    had_terminal = os.isatty(0)

    def interrupt(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP and had_terminal == os.isatty(0):
            hang_up()
            return
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def choose_port(host: str, port: int) -> int:
    """Return `port`, or a free one for 0; raises StartFailed when somebody else listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise StartFailed(f"Port {port} on {host} is taken. Choose another; --port 0 takes any free one.") from None
        return int(probe.getsockname()[1])


def environment(**changes: str) -> dict[str, str]:
    """Return the environment for a child: ours, with unbuffered output and `changes`."""
    return {"DJANGO_SETTINGS_MODULE": "cdp.settings", **os.environ, "PYTHONUNBUFFERED": "1", **changes}


def to_stderr(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()
