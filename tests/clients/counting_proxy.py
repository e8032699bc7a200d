"""A proxy between clients and the product that sees every request and answer, and so what a client sends again."""

import gzip
import http.client
import json
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

#: Headers by which clients say that they send something again.
RETRY_HEADERS = ("x-retry-count", "rsa-retry-attempt")


class CountingProxy(ThreadingHTTPServer):
    """`statuses` are those of POSTs, `delivered` the message ids in the ones that were answered 200."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.upstream = urlsplit(upstream).netloc
        self.statuses: Counter[int] = Counter()
        self.delivered: set[str] = set()
        self.repeats = 0  # ids that were delivered before, and requests that call themselves retries
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let a client go that has closed its connection; report everything else."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def saw(self, status: int, body: bytes, *, retried: bool) -> None:
        ids = _message_ids(body) if status == 200 else set()
        with self.lock:
            self.statuses[status] += 1
            self.repeats += retried or bool(ids & self.delivered)
            self.delivered |= ids


def _message_ids(body: bytes) -> set[str]:
    try:
        content = json.loads(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
    except ValueError:
        return set()
    return {event["messageId"] for event in content.get("batch", [content]) if "messageId" in event}


class _Forward(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: CountingProxy

    def do_GET(self) -> None:
        self._forward(self._body())

    do_POST = do_OPTIONS = do_GET

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    # The Host stays the client's: the product names itself by it when it tells a browser where to send events.
    def _forward(self, body: bytes) -> None:
        connection = http.client.HTTPConnection(self.server.upstream, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except OSError:
            self.close_connection = True  # as if the product itself had refused the connection
            return
        finally:
            connection.close()
        if self.command == "POST":  # before it is answered: the client may look at the count at once, or be gone
            self.server.saw(answer.status, body, retried=any(self.headers.get(name) for name in RETRY_HEADERS))
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "transfer-encoding", "content-length", "date", "server"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the counter is the log."""


@contextmanager
def counting_proxy(upstream: str) -> Iterator[CountingProxy]:
    proxy = CountingProxy(upstream)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
