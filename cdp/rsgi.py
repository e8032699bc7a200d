"""The door of the web server: bodies are awaited side by side, and Django runs once a whole request has come.

A WSGI server starts the application as soon as it has read the headers, and the application then waits for the body. As
Django runs in one thread of each web process, two clients that send a body byte by byte would stop everything. Here a
request waits for its body as a coroutine, thousands at once and each only for a while; Django is then called with all
of it, one request after the other, exactly as in one blocking thread. What it streams is kept (in a file when it is
long) and sent as fast as its reader takes it: a slow reader holds no database connection either.

Whoever sends has shown nothing yet, so what waits is bounded for all of them together: a request has a little of its
body in memory, the rest is on disk, and of that there is no more in a process than one largest file and some room.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from io import BufferedReader, BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from granian.rsgi import HTTPProtocol, ProtocolClosed, Scope
from msgspec.json import encode

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")

#: How long a body may take: so long whatever its size, and as long again as what has come of it takes at this rate. Its
#: stated size gives it no time: whoever states a large one and sends a byte a minute would be waited for all day.
BODY_SECONDS = 30.0
SLOWEST_BYTES_PER_SECOND = 32 * 1024
_IN_MEMORY = 64 * 1024
_CHUNK = 256 * 1024
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_SHARED = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": False,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
_OUTSIDE_HTTP = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
_VARIABLES: dict[str, str] = {}

Headers = list[tuple[str, str]]
_django = get_wsgi_application()

MOST_BYTES = settings.CDP_MOST_IMPORT_BYTES + 1024 * 1024  # the largest file, and the form around it
MOST_WAITING = MOST_BYTES + 256 * 1024 * 1024


class _BodyTooLarge(Exception):
    """More came than anybody may send."""


class _NoRoom(Exception):
    """Too much waits already, or the disk is full."""


class _Body(SpooledTemporaryFile[bytes]):
    """What has come of a body, and how much of all bodies waits in this process."""

    waiting = 0

    def __init__(self) -> None:
        super().__init__(max_size=_IN_MEMORY)
        self.size = 0

    def take(self, chunk: bytes) -> None:
        size, waiting = self.size + len(chunk), _Body.waiting + len(chunk)
        if size > MOST_BYTES:
            raise _BodyTooLarge
        if size > _IN_MEMORY and waiting > MOST_WAITING:  # what is small always finds a place
            raise _NoRoom
        try:
            self.write(chunk)
        except OSError:
            raise _NoRoom from None
        self.size, _Body.waiting = size, waiting

    def close(self) -> None:
        _Body.waiting -= self.size
        self.size = 0
        super().close()


class _File:
    """A file that Django would have sent as it lies there."""

    def __init__(self, stream: Any, block_size: int) -> None:
        self.stream = stream

    def close(self) -> None:
        self.stream.close()


async def application(scope: Scope, protocol: HTTPProtocol) -> None:
    """Answer one request."""
    try:
        body = await _whole_body(scope, protocol)
    except TimeoutError:
        _refuse(protocol, 408, "body_too_slow", "The body did not come in time. Send it again.")
    except _BodyTooLarge:
        _refuse(protocol, 413, "body_too_large", f"The body is larger than {MOST_BYTES} bytes.")
    except _NoRoom:
        _refuse(protocol, 503, "no_room", "Too much is being sent at this moment. Send it again.", ("retry-after", "5"))
    except (OSError, ProtocolClosed, RuntimeError):
        _refuse(protocol, 400, "body_cut_short", "The connection ended before the body did.")
    else:
        with closing(body):
            answer = _run(_environment(scope, body))
        await _send(*answer, protocol)


# -- the request ------------------------------------------------------------------------------------------------------
async def _whole_body(scope: Scope, protocol: HTTPProtocol) -> IO[bytes]:
    if scope.method in _WITHOUT_BODY:
        return BytesIO()
    stated = scope.headers.get("content-length", "")
    size = int(stated) if stated.isdecimal() else None
    if size is not None and size > MOST_BYTES:
        raise _BodyTooLarge
    async with asyncio.timeout(BODY_SECONDS) as patience:
        if size is not None and size <= _IN_MEMORY:
            return BytesIO(await protocol())
        return await _long_body(protocol, patience)


async def _long_body(protocol: HTTPProtocol, patience: asyncio.Timeout) -> IO[bytes]:
    body, until = _Body(), patience.when() or 0
    try:
        async for chunk in protocol:
            body.take(chunk)
            patience.reschedule(until + body.size / SLOWEST_BYTES_PER_SECOND)
    except BaseException:
        body.close()
        raise
    body.seek(0)
    return body


def _environment(scope: Scope, body: IO[bytes]) -> dict[str, Any]:
    server, _, port = scope.server.rpartition(":")
    environ = _SHARED | {
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0],
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": body,
        "wsgi.file_wrapper": _File,
    }
    for name, value in scope.headers.items():
        variable = _VARIABLES.get(name) or _variable(name)
        if not variable:
            continue
        if variable in environ:
            value = f"{environ[variable]}{'; ' if variable == 'HTTP_COOKIE' else ','}{value}"
        environ[variable] = value
    if environ.pop("HTTP_TRANSFER_ENCODING", None):
        environ["CONTENT_LENGTH"] = str(body.seek(0, os.SEEK_END))  # where it ends is known by now
        body.seek(0)
    return environ


def _variable(name: str) -> str:
    """Return the variable of a header; none for one with _ in its name, which would pass for one with a hyphen."""
    if "_" in name:
        return ""
    variable = _OUTSIDE_HTTP.get(name) or "HTTP_" + name.upper().replace("-", "_")
    if len(_VARIABLES) < 256:
        _VARIABLES[name] = variable
    return variable


# -- the answer -------------------------------------------------------------------------------------------------------
async def _send(status: int, headers: Headers, content: bytes | IO[bytes], protocol: HTTPProtocol) -> None:
    if isinstance(content, bytes):
        protocol.response_bytes(status, headers, content)
        return
    with content:
        transport = protocol.response_stream(status, headers)
        try:
            while chunk := content.read(_CHUNK):
                await transport.send_bytes(chunk)
        except (ProtocolClosed, RuntimeError):
            return  # the reader left


# Django refuses to touch a database where a loop runs, because a coroutine might be suspended in the middle of it. None
# can be here: this function calls nothing but Django and returns before the loop goes on. So no loop runs, and that is
# what Django is told.
def _run(environ: dict[str, Any]) -> tuple[int, Headers, bytes | IO[bytes]]:
    loop = asyncio.get_running_loop()
    asyncio._set_running_loop(None)
    try:
        return _call(environ)
    finally:
        asyncio._set_running_loop(loop)


def _call(environ: dict[str, Any]) -> tuple[int, Headers, bytes | IO[bytes]]:
    status, headers = 500, list[tuple[str, str]]()

    def start(line: str, given: Headers, exc_info: object = None) -> Callable[[bytes], object]:
        nonlocal status, headers
        status, headers = int(line[:3]), given
        return lambda _: None

    response: Any = _django(environ, start)
    try:
        content = _content(response)
    finally:
        response.close()
    return status, headers, content


def _content(response: Any) -> bytes | IO[bytes]:
    if not isinstance(response, _File):
        return _kept(response) if response.streaming else b"".join(response)
    stream = response.stream
    if not isinstance(stream, BufferedReader):
        return _kept(iter(lambda: stream.read(_CHUNK), b""))
    # It is not copied while everybody waits, but read while it is sent, by a handle that outlives the response.
    handle = os.fdopen(os.dup(stream.fileno()), "rb")
    handle.seek(stream.tell())
    return handle


def _kept(chunks: Iterable[bytes]) -> IO[bytes]:
    kept: IO[bytes] = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - its sender closes it
    for chunk in chunks:
        kept.write(chunk)
    kept.seek(0)
    return kept


def _refuse(protocol: HTTPProtocol, status: int, code: str, message: str, *more: tuple[str, str]) -> None:
    content = encode({"success": False, "code": code, "message": message})
    headers = [("content-type", "application/json"), ("connection", "close"), ("access-control-allow-origin", "*")]
    protocol.response_bytes(status, [*headers, *more], content)
