"""A receiver of webhooks as a process of its own: it answers as its path says and writes down what it was sent.

python -m tests.delivery.receiver LOG

/ok            204                         /status/503            that status
/busy          429 with Retry-After: 120   /moved                 301 to /ok
/gone          410                         /stall/60              says nothing for so many seconds
/drip          a byte of a header now and then, without end
/flood         200 with a body without end
/again/500     that status the first time a message comes, 204 from then on
/slow/0.2      204 after so many seconds
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log: Any
    writing = Lock()
    seen: set[str] = set()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        message = headers.get("webhook-id", "")
        with self.writing:
            first = message not in self.seen
            self.seen.add(message)
            told = {"path": self.path, "headers": headers, "body": body, "at": time.time()}
            self.log.write(json.dumps(told) + "\n")
            self.log.flush()
        self.answer(*self.path.strip("/").split("/"), first=first)

    def answer(self, what: str, value: str = "", *, first: bool) -> None:
        match what:
            case "status":
                self.say(int(value))
            case "busy":
                self.say(429, **{"Retry-After": "120"})
            case "moved":
                self.say(301, Location="/ok")
            case "gone":
                self.say(410)
            case "again":
                self.say(int(value) if first else 204)
            case "stall":
                time.sleep(float(value))
                self.close_connection = True
            case "slow":
                time.sleep(float(value))
                self.say(204)
            case "drip":
                self.endless(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", 0.1)
            case "flood":
                self.endless(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", b"x" * 65_536, 0)
            case _:
                self.say(204)

    def say(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def endless(self, head: bytes, part: bytes, pause: float) -> None:
        self.close_connection = True
        try:
            self.wfile.write(head)
            while True:
                self.wfile.write(part)
                self.wfile.flush()
                time.sleep(pause)
        except OSError:
            return

    def log_message(self, *told: Any) -> None:
        return


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *told: Any) -> None:
        return  # a sender that was killed hangs up


@dataclass(frozen=True, slots=True)
class Receiver:
    """What a test knows of a receiver: where it listens, and what it was sent."""

    address: str
    log: Path

    def url(self, path: str) -> str:
        return self.address + path

    def received(self, path: str = "") -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line["path"].startswith(path)]

    def ids(self, path: str = "") -> list[str]:
        return [line["headers"]["webhook-id"] for line in self.received(path)]


@contextmanager
def receiving(log: Path) -> Iterator[Receiver]:
    """Run a receiver for the length of the block."""
    log.touch()
    command = [sys.executable, "-m", "tests.delivery.receiver", str(log)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Receiver(f"http://127.0.0.1:{int(process.stdout.readline())}", log)
    finally:
        process.kill()
        process.wait()


def main() -> None:
    with Path(sys.argv[1]).open("a") as log:
        Handler.log = log
        server = Server(("127.0.0.1", 0), Handler)
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
