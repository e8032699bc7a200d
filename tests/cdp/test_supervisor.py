"""The tree of processes, with small programs in place of the product's."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from django.core.management import CommandError, call_command

from cdp.embedded import EmbeddedServerFailed
from cdp.supervisor.child import Child
from cdp.supervisor.folder import AlreadyRunning, DataFolder
from cdp.supervisor.programs import Program
from cdp.supervisor.tree import StartFailed, Tree, choose_port, environment

SLEEP = "import time; time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); " + SLEEP
WITH_A_CHILD = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print(child.pid, flush=True); time.sleep(600)"
)


def program(name: str, code: str, *, grace: float = 5) -> Program:
    return Program(name, (sys.executable, "-c", code), grace)


def eventually(holds: Callable[[], object], *, seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.05)
    return False


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    said: list[str] = []
    tree = Tree(DataFolder(tmp_path / "var"), say=said.append)
    tree.folder.hold()
    yield tree
    tree.stop()


def test_it_stops_children_with_everything_they_started(tree: Tree) -> None:
    child = tree.start(program("parent", WITH_A_CHILD), environment=environment())
    assert eventually(lambda: child.log.read_text().strip())
    parent, grandchild = child.pid, int(child.log.read_text())

    tree.stop()

    assert parent is not None and gone(parent) and eventually(lambda: gone(grandchild))


def test_it_kills_a_child_that_does_not_listen(tree: Tree) -> None:
    child = tree.start(program("deaf", STUBBORN, grace=0.3), environment=environment())
    assert eventually(lambda: child.log.read_text())

    assert child.stop() is False
    assert child.pid is None


def test_it_starts_a_fallen_child_again_and_waits_longer_each_time(tree: Tree) -> None:
    child = tree.start(program("short", "raise SystemExit(3)"), environment=environment())
    said: list[str] = []

    def falls() -> bool:
        said.extend(filter(None, [child.look_after()]))
        return child.falls == 3

    assert eventually(falls)
    pauses = [line for line in said if "ended" in line]
    assert pauses == [f"short ended with exit status 3; starting it again in {pause} s" for pause in ("0.5", "1", "2")]


def test_a_killed_child_takes_its_orphans_with_it(tree: Tree) -> None:
    child = tree.start(program("parent", WITH_A_CHILD), environment=environment())
    assert eventually(lambda: child.log.read_text().strip())
    grandchild = int(child.log.read_text())

    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)

    assert eventually(lambda: (child.look_after(), gone(grandchild))[1])


def test_a_replaced_child_goes_only_after_its_successor_has_started(tree: Tree) -> None:
    told = "import os, signal, sys, time; print('start', time.monotonic(), flush=True)\n"
    told += "signal.signal(signal.SIGTERM, lambda *_: (print('stop', time.monotonic(), flush=True), sys.exit(0)))\n"
    first = tree.start(program("worker", told + "while True: time.sleep(0.05)"), environment=environment())
    assert eventually(lambda: "start" in first.log.read_text())
    before = first.pid

    tree.replace_soon()
    tree.look_after()

    second = tree.children["worker"]
    assert second.pid not in (None, before) and gone(before or 0)
    assert json.loads((tree.folder.path / "processes.json").read_text())["worker"][0] == second.pid
    tree.look_after()
    assert tree.children["worker"].pid == second.pid, "once is enough"


LISTENS = (
    "import signal, socket, time; held = socket.socket(); held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1);"
    "time.sleep({delay}); held.bind(('127.0.0.1', {port})); held.listen(); time.sleep(600)"
)


def test_who_listens_is_replaced_only_once_the_successor_listens_too(tree: Tree) -> None:
    port = choose_port("127.0.0.1", 0)
    code = LISTENS.format(delay=0.5, port=port)
    first = tree.start(Program("web", (sys.executable, "-c", code), 5, port=port), environment=environment())
    assert eventually(first.serves)
    before = first.pid

    tree.replace_soon()
    started = time.monotonic()
    tree.look_after()

    assert time.monotonic() - started >= 0.5, "it waited for the successor"
    assert tree.children["web"].serves() and tree.children["web"].pid != before and gone(before or 0)


def test_a_successor_that_does_not_come_up_replaces_nothing(tree: Tree, tmp_path: Path) -> None:
    port, broken = choose_port("127.0.0.1", 0), tmp_path / "broken"
    code = f"import os, sys\nif os.path.exists({str(broken)!r}): sys.exit('mended wrongly')\n"
    code += LISTENS.format(delay=0, port=port)
    first = tree.start(Program("web", (sys.executable, "-c", code), 5, port=port), environment=environment())
    assert eventually(first.serves)
    broken.touch()

    tree.replace_soon()
    tree.look_after()

    assert tree.children["web"] is first and first.serves()


class Stubborn:
    """A server that does not start before there is room."""

    def __init__(self) -> None:
        self.room, self.tries, self.started = False, 0, False

    def alive(self) -> bool:
        return self.started

    def start(self) -> None:
        self.tries += 1
        if not self.room:
            raise EmbeddedServerFailed("No space left on device")
        self.started = True

    def stop(self) -> None:
        self.started = False


def test_a_server_that_does_not_start_is_tried_again_until_it_does(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cdp.supervisor.tree._REVIVE_SECONDS", 0.2)
    server = Stubborn()
    tree.servers.append(server)  # type: ignore[arg-type]
    child = tree.start(program("web", SLEEP), environment=environment())
    for _ in range(5):
        tree.look_after()
    assert server.tries == 1, "not at every look"
    assert child.pid is not None, "the others go on meanwhile"

    server.room = True

    assert eventually(lambda: (tree.look_after(), server.started)[1])


def test_it_refuses_a_folder_that_is_in_use(tree: Tree) -> None:
    with pytest.raises(AlreadyRunning, match=f"in use by process {os.getpid()}"):
        DataFolder(tree.folder.path).hold()


def test_it_refuses_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(StartFailed, match="--port 0"):
            choose_port("127.0.0.1", taken.getsockname()[1])


SUPERVISOR = """
import sys, time
from pathlib import Path
from cdp.supervisor.folder import DataFolder
from cdp.supervisor.programs import Program
from cdp.supervisor.tree import Tree, environment
tree = Tree(DataFolder(Path(sys.argv[1])), say=print)
tree.folder.hold()
tree.start(Program("child", (sys.executable, "-c", sys.argv[2]), 5), environment=environment())
print(tree.children["child"].pid, flush=True)
time.sleep(600)
"""


def supervise_and_kill(folder: Path, code: str) -> int:
    """Run a supervisor of its own, kill it the hard way once its child speaks, and return the child's number."""
    command = [sys.executable, "-c", SUPERVISOR, str(folder), code]
    supervisor = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    pid = int(supervisor.stdout.readline())
    log = folder / "log" / "child.log"
    assert eventually(lambda: log.exists() and log.read_text())
    supervisor.kill()
    supervisor.wait()
    return pid


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    pid = supervise_and_kill(tmp_path, "print('here', flush=True); " + SLEEP)

    assert eventually(lambda: gone(pid))


def test_the_next_start_ends_what_a_killed_supervisor_left_behind(tmp_path: Path) -> None:
    pid = supervise_and_kill(tmp_path, STUBBORN)
    folder = DataFolder(tmp_path)
    folder.hold()  # the lock died with its holder
    assert not gone(pid)

    assert folder.end_strays(seconds=0.5) == ["child"]

    assert eventually(lambda: gone(pid))
    folder.release()


def test_it_leaves_a_process_alone_that_only_has_the_number_of_an_old_child(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True) as innocent:
        (tmp_path / "processes.json").write_text(json.dumps({"child": [innocent.pid, 1_000_000.0]}))

        assert DataFolder(tmp_path).end_strays(seconds=0.1) == []

        assert innocent.poll() is None
        innocent.kill()


def test_a_child_waits_for_nothing_when_it_never_ran(tmp_path: Path) -> None:
    assert Child(program("never", SLEEP), environment(), tmp_path / "never.log").stop() is True


@pytest.mark.parametrize("port", ["-5", "99999", "abc"])
def test_what_is_no_port_is_refused_with_the_range(port: str) -> None:
    with pytest.raises(CommandError, match="is no port: write a number from 0 to 65535"):
        call_command("up", f"--port={port}")
