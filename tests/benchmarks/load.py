"""A client that costs as little as it can: requests made beforehand, kept-alive sockets, one thread each."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager


def request(method: str, target: str, *, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Spell a whole HTTP/1.1 request."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@contextmanager
def connected(port: int, *, connections: int = 8) -> Iterator[list[socket.socket]]:
    """Keep some connections open, as an application's pool does.

    What is compared goes over the same ones: each stays with the web process that took it, and with a few new ones for
    every measurement chance would decide whether all processes have work.
    """
    with ExitStack() as stack:
        sockets = []
        for _ in range(connections):
            opened = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets.append(opened)
        yield sockets


def seconds_for(sockets: Sequence[socket.socket], requests: Sequence[bytes]) -> float:
    """Send all requests, a thread for each connection, and return how long it took; every answer must be a 200."""
    failures: list[BaseException] = []
    threads = [
        threading.Thread(target=_drive, args=(connection, requests[number :: len(sockets)], failures))
        for number, connection in enumerate(sockets)
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return time.perf_counter() - started


def _drive(connection: socket.socket, requests: Sequence[bytes], failures: list[BaseException]) -> None:
    try:
        for item in requests:
            connection.sendall(item)
            _read_answer(connection)
    except BaseException as error:
        failures.append(error)


def _read_answer(connection: socket.socket) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"not a 200: {(head + body)[:300]!r}")
    lines = head.lower().split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
    while len(body) < length:
        body += _more(connection)


def _more(connection: socket.socket) -> bytes:
    chunk = connection.recv(1 << 16)
    if not chunk:
        raise RuntimeError("the server closed the connection")
    return chunk
