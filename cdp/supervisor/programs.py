"""What runs besides the servers. docker-compose.yml starts the same commands; a test compares them."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Program:
    """A command, how many seconds it may take to stop after SIGTERM, and the port it listens on, 0 for none.

    Two of one program may run at once, on one port too: that is how one is replaced without a moment of neither.
    """

    name: str
    command: tuple[str, ...]
    grace: float
    port: int = 0


def web(*, host: str, port: int, processes: int) -> Program:
    """Processes that run one request at a time each, and await the bodies of a thousand more (`cdp.rsgi`)."""
    command = (
        *(sys.executable, "-m", "granian", "--interface", "rsgi", "--loop", "asyncio", "--host", host),
        *(
            "--port",
            str(port),
            "--workers",
            str(processes),
            "--backpressure",
            "1024",
            "--no-ws",
            "--respawn-failed-workers",
        ),
        *("--respawn-interval", "0.5", "--workers-kill-timeout", "10", "--log-level", "warning"),
        "cdp.rsgi:application",
    )
    return Program("web", command, grace=15, port=port)


def worker() -> Program:
    """How many processes it has it reads itself: CDP_WORKER_PROCESSES, by default one for each core."""
    command = (
        *(sys.executable, "-m", "celery", "--app", "cdp.celery", "worker", "--pool", "prefork"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"),
    )
    return Program("worker", command, grace=15)


def delivery() -> Program:
    """One process for what is told to the outside, on a queue of its own: whoever waits for a receiver waits here."""
    command = (
        *(sys.executable, "-m", "celery", "--app", "cdp.celery", "worker", "--pool", "solo", "--queues", "delivery"),
        *("--hostname", "delivery@%h", "--without-gossip", "--without-mingle", "--without-heartbeat"),
        *("--loglevel", "WARNING"),
    )
    return Program("delivery", command, grace=20)


def beat() -> Program:
    """The plain scheduler keeps nothing on disk: every due time lives in PostgreSQL, so there is nothing to recover."""
    command = (
        *(sys.executable, "-m", "celery", "--app", "cdp.beat", "beat", "--scheduler", "celery.beat:Scheduler"),
        *("--pidfile", "", "--loglevel", "WARNING"),
    )
    return Program("beat", command, grace=10)


def product(*, host: str, port: int, web_processes: int) -> tuple[Program, ...]:
    """Return everything in the order in which it starts; it stops in the opposite order."""
    return (web(host=host, port=port, processes=web_processes), worker(), delivery(), beat())
