"""Clients that send byte by byte, or stop in the middle: they wait among themselves, and nobody waits for them."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest

from tests.benchmarks.load import request
from tests.running import Running

SLOW = 50
REQUESTS = 100
BODY = b'{"batch":[' + b",".join([b'{"type":"track","userId":"u","event":"Seen"}'] * 20) + b"]}"


def connect(running: Running) -> socket.socket:
    parts = urlsplit(running.base_url)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def head(running: Running, *, size: int) -> bytes:
    lines = ["POST /v1/batch HTTP/1.1", "Host: 127.0.0.1", f"X-Write-Key: {running.write_key}"]
    return "\r\n".join([*lines, f"Content-Length: {size}", "", ""]).encode()


def header_by_header(running: Running) -> tuple[bytes, bytes]:
    return b"POST /v1/batch HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X-Slow: yes\r\n"


def byte_by_byte(running: Running) -> tuple[bytes, bytes]:
    return head(running, size=1_000_000) + b'{"batch":[', b" "


def not_a_byte_more(running: Running) -> tuple[bytes, bytes]:
    return head(running, size=len(BODY)) + BODY[:-1], b""


@contextmanager
def slow_clients(running: Running, kind: object) -> Iterator[list[socket.socket]]:
    """Fifty connections that say one thing and then go on a little every 100 ms."""
    first, more = kind(running)
    stop = threading.Event()
    with ExitStack() as stack:
        sockets = [stack.enter_context(connect(running)) for _ in range(SLOW)]
        for one in sockets:
            one.sendall(first)

        def go_on() -> None:
            while not stop.wait(0.1):
                for one in sockets:
                    one.send(more) if more else None

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield sockets
        finally:
            stop.set()
            thread.join()


def ninety_fifth(running: Running) -> float:
    """Return the 95th percentile in seconds of batches that are sent one after the other, on two connections."""
    took: list[float] = []
    headers = {"X-Write-Key": running.write_key}

    def send() -> None:
        with connect(running) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(REQUESTS // 2):
                started = time.perf_counter()
                connection.sendall(request("POST", "/v1/batch", headers=headers, body=BODY))
                answer = connection.recv(65536)
                took.append(time.perf_counter() - started)
                assert answer.startswith(b"HTTP/1.1 200"), answer

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(took) == REQUESTS // 2 * 2
    return sorted(took)[int(len(took) * 0.95)]


@pytest.mark.parametrize(
    "kind", [header_by_header, byte_by_byte, not_a_byte_more], ids=lambda kind: kind.__name__.replace("_", " ")
)
def test_fifty_slow_clients_do_not_double_how_long_the_others_wait(running: Running, kind: object) -> None:
    ninety_fifth(running)
    ratios = []
    for _ in range(3):  # of neighbouring measurements, since what else this machine does changes by the second
        alone = ninety_fifth(running)
        with slow_clients(running, kind):
            ratios.append(ninety_fifth(running) / alone)
    assert min(ratios) < 2, ratios


def test_a_slow_client_is_served_once_it_has_sent_everything(running: Running) -> None:
    with slow_clients(running, not_a_byte_more) as sockets:
        ninety_fifth(running)
        for one in sockets:
            one.sendall(BODY[-1:])
        answers = [one.recv(65536) for one in sockets]
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
