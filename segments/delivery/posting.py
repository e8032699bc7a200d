"""One POST to the outside: to a checked address, within its time, without redirects, reading little.

The name is resolved here and the connection made to the address that was judged, so a name that changes its answer in
between (DNS rebinding) leads nowhere else; TLS still proves the name. No proxy of the environment is used: it would
resolve the name again. The time is for the whole exchange: a receiver that sends a byte now and then may reset the
clock of a single read, not this one.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from ipaddress import ip_address
from typing import Any

import httpcore
from httpcore import NetworkBackend, NetworkStream, SyncBackend

from segments.delivery.addresses import Address, Allowed, may_connect
from segments.delivery.schedule import Answer

#: Of an answer's body only this much is taken in: nothing is done with it, and the connection can be used again.
MOST_BODY_BYTES = 64 * 1024
_CONNECT_SECONDS = 5.0
_KEPT_SECONDS = 30.0
_MOST_CONNECTIONS = 200
_MOST_KEPT = 64
_LONGEST_RETRY_AFTER = 64

Resolve = Callable[[str, int], Sequence[Address]]


class NotPublic(Exception):
    """The name leads to an address that may not be connected to."""


class OutOfTime(Exception):
    """The exchange took longer than it may."""


def resolve(host: str, port: int) -> Sequence[Address]:
    """Ask for the addresses of a host, in the order in which they are to be tried."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A scope such as %eth0 belongs to link-local addresses, which are refused in any case.
    return [ip_address(str(place[4][0]).partition("%")[0]) for place in found]


class Poster:
    """Connections to receivers, kept open between messages; any number of threads may use it."""

    def __init__(self, *, seconds: float, allowed: Callable[[], Allowed], resolve: Resolve = resolve) -> None:
        self._seconds = seconds
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(),
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_MOST_KEPT,
            keepalive_expiry=_KEPT_SECONDS,
            network_backend=_GuardedBackend(allowed, resolve),
        )

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one message and say what came back. Never raises for what the other side does."""
        began = time.monotonic()
        _deadline.at = began + self._seconds
        try:
            return self._exchange(url, headers, body, began)
        except NotPublic as refused:
            return _failed("address_refused", began, str(refused))
        except (OutOfTime, httpcore.TimeoutException) as error:
            return _failed("timeout", began, type(error).__name__)
        except (httpcore.NetworkError, OSError) as error:
            return _failed(_network_reason(error), began, _told(error))
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, UnicodeError) as error:
            return _failed("not_http", began, _told(error))

    def close(self) -> None:
        self._pool.close()

    def _exchange(self, url: str, headers: Mapping[str, str], body: bytes, began: float) -> Answer:
        timeouts = {"connect": _CONNECT_SECONDS, "read": self._seconds, "write": self._seconds, "pool": self._seconds}
        request = [("Host", _host_of(url)), *headers.items(), ("Content-Length", str(len(body)))]
        with self._pool.stream(
            "POST", url, headers=request, content=body, extensions={"timeout": timeouts}
        ) as response:
            _read_little(response)
            told = {name.lower(): value for name, value in response.headers}
        status = int(response.status)
        return Answer(
            status=status,
            reason="accepted" if 200 <= status < 300 else f"status_{status}",
            milliseconds=_since(began),
            retry_after=told.get(b"retry-after", b"")[:_LONGEST_RETRY_AFTER].decode("ascii", "replace"),
        )


def _read_little(response: httpcore.Response) -> None:
    taken = 0
    for part in response.iter_stream():
        taken += len(part)
        if taken > MOST_BODY_BYTES:
            return  # leaving the block closes the connection


_deadline = threading.local()


def _left(timeout: float | None) -> float:
    """How long this thread may still wait, at most `timeout`. Raises OutOfTime."""
    left: float = getattr(_deadline, "at", time.monotonic() + _CONNECT_SECONDS) - time.monotonic()
    if left <= 0:
        raise OutOfTime
    return left if timeout is None else min(left, timeout)


class _GuardedBackend(NetworkBackend):
    """Connects to judged addresses only, each by its number."""

    def __init__(self, allowed: Callable[[], Allowed], resolve: Resolve) -> None:
        self._allowed, self._resolve, self._plain = allowed, resolve, SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> NetworkStream:
        addresses = self._resolve(host, port)
        fitting = [found for found in addresses if may_connect(found, host=host, allowed=self._allowed())]
        if not fitting:
            raise NotPublic(f"{host} leads to {', '.join(map(str, addresses)) or 'nowhere'}"[:200])
        failed: Exception = NotPublic(host)
        for address in fitting:
            try:
                stream = self._plain.connect_tcp(str(address), port, _left(timeout), local_address, socket_options)
                return _TimedStream(stream)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed


class _TimedStream(NetworkStream):
    """A connection on which every wait ends with the exchange's time."""

    def __init__(self, stream: NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@cache
def _tls() -> ssl.SSLContext:
    return httpcore.default_ssl_context()


def _host_of(url: str) -> str:
    return url.split("/", 3)[2].partition("?")[0]


def _network_reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "name_not_found"
    return "cannot_connect" if isinstance(error, httpcore.ConnectError) else "connection_lost"


def _failed(reason: str, began: float, detail: str = "") -> Answer:
    return Answer(status=None, reason=reason, milliseconds=_since(began), detail=detail[:200])


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
