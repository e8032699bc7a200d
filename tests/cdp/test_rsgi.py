"""The web server's door: whole bodies, headers as sent, limits in time and size, answers as fast as they are read."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from cdp import rsgi
from cdp.models import User


@dataclass
class Headers:
    sent: list[tuple[str, str]]

    def get(self, name: str, default: str = "") -> str:
        return dict(self.sent).get(name, default)

    def items(self) -> list[tuple[str, str]]:
        return self.sent


@dataclass
class Scope:
    """What granian tells of a request."""

    method: str = "POST"
    path: str = "/echo"
    headers: Headers = field(default_factory=lambda: Headers([]))
    query_string: str = "a=1"
    http_version: str = "1.1"
    scheme: str = "http"
    server: str = "127.0.0.1:8000"
    client: str = "192.0.2.7:4711"


class Protocol:
    """The connection as granian gives it: chunks of a body with pauses before them, and what was answered."""

    def __init__(self, *chunks: bytes, pause: float = 0) -> None:
        self.chunks, self.pause = chunks, pause
        self.status, self.headers, self.content, self.streamed = 0, {}, b"", 0

    async def __call__(self) -> bytes:
        return b"".join([chunk async for chunk in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            await asyncio.sleep(self.pause)
            yield chunk

    def response_bytes(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.status, self.headers, self.content = status, dict(headers), content

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> "Protocol":
        self.status, self.headers = status, dict(headers)
        return self

    async def send_bytes(self, content: bytes) -> None:
        self.content += content
        self.streamed += 1


@pytest.fixture(autouse=True)
def _keep_the_connection_of_the_test() -> Iterator[None]:
    """Django closes what looks old at the ends of a request; here it is the connection of the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@csrf_exempt
def echo(request: HttpRequest) -> HttpResponse:
    told = {name: value for name, value in request.META.items() if isinstance(value, str)}
    return JsonResponse(told | {"body": request.body.decode(), "path": request.path, "people": User.objects.count()})


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def chunks() -> Iterator[bytes]:
        for _ in range(3):
            yield b"x" * User.objects.count() + b"y" * 300_000

    return StreamingHttpResponse(chunks())


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(Path(request.GET["path"]).open("rb"))


urlpatterns = [path("echo", echo), path("stream", stream), path("file", file), path("店", echo)]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


def call(protocol: Protocol, *headers: tuple[str, str], **scope: Any) -> Protocol:
    given = Headers([("host", "localhost"), *headers])
    with override_settings(ROOT_URLCONF=__name__):
        asyncio.run(rsgi.application(Scope(headers=given, **scope), protocol))
    return protocol


def echoed(protocol: Protocol, *headers: tuple[str, str], **scope: Any) -> dict[str, Any]:
    answered = call(protocol, *headers, **scope)
    assert answered.status == 200, answered.content
    return json.loads(answered.content)


def test_django_gets_the_request_as_it_was_sent_and_may_ask_the_database() -> None:
    told = echoed(Protocol(b"he", b"llo"), ("content-length", "5"), ("content-type", "text/plain"), ("x-a", "b"))

    assert (told["body"], told["people"], told["REMOTE_ADDR"], told["QUERY_STRING"]) == ("hello", 0, "192.0.2.7", "a=1")
    assert (told["CONTENT_TYPE"], told["HTTP_X_A"], told["SERVER_PORT"]) == ("text/plain", "b", "8000")


def test_a_path_is_text_and_a_body_of_unstated_length_is_whole() -> None:
    told = echoed(Protocol(b"a" * 10, b"b"), ("transfer-encoding", "chunked"), path="/店")

    assert (told["path"], told["body"], told["CONTENT_LENGTH"]) == ("/店", "a" * 10 + "b", "11")


def test_repeated_headers_are_joined_and_one_with_an_underscore_cannot_pass_for_another() -> None:
    told = echoed(
        Protocol(), ("cookie", "a=1"), ("cookie", "b=2"), ("x-a", "1"), ("x-a", "2"), ("x_write_key", "forged")
    )

    assert (told["HTTP_COOKIE"], told["HTTP_X_A"]) == ("a=1; b=2", "1,2")
    assert "HTTP_X_WRITE_KEY" not in told


def test_a_body_that_takes_too_long_is_408_in_words_that_event_sdks_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rsgi, "BODY_SECONDS", 0.02)
    answered = call(Protocol(b"x", b"y", pause=0.05), ("content-length", "2"))

    assert (answered.status, json.loads(answered.content)["code"]) == (408, "body_too_slow")
    assert json.loads(answered.content)["message"]


def test_a_long_body_may_take_longer_as_long_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rsgi, "BODY_SECONDS", 0.1)
    chunks = [b"x" * 20_000] * 4
    told = echoed(Protocol(*chunks, pause=0.08), ("content-length", "80000"))
    assert len(told["body"]) == 80_000


@pytest.mark.parametrize("size", ["80000", "1000000000"])
def test_a_body_that_only_says_it_is_long_is_waited_for_no_longer(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    monkeypatch.setattr(rsgi, "BODY_SECONDS", 0.02)
    answered = call(Protocol(b"x", b"y", pause=0.05), ("content-length", size))
    assert answered.status == 408


def test_what_states_to_be_too_long_is_413_before_any_of_it_is_awaited() -> None:
    answered = call(Protocol(b"x", pause=60), ("content-length", str(10**15)))
    assert answered.status == 413


def test_bodies_that_wait_are_bounded_together_and_small_ones_always_find_a_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rsgi, "MOST_WAITING", 120_000)
    large = [("content-length", "100000")], [b"x" * 50_000, b"y" * 50_000]
    protocols = [Protocol(*large[1], pause=0.05) for _ in range(3)]
    small = Protocol(b"z" * 10, pause=0.05)

    async def at_once() -> None:
        scopes = [Scope(headers=Headers([("host", "localhost"), *large[0]])) for _ in protocols]
        calls = [rsgi.application(scope, one) for scope, one in zip(scopes, protocols, strict=True)]
        scope = Scope(headers=Headers([("host", "localhost"), ("content-length", "10")]))
        await asyncio.gather(*calls, rsgi.application(scope, small))

    with override_settings(ROOT_URLCONF=__name__):
        asyncio.run(at_once())

    refused = [one for one in protocols if one.status == 503]
    assert [one.headers.get("retry-after") for one in refused] == ["5", "5"]
    assert sorted(one.status for one in [*protocols, small]) == [200, 200, 503, 503]
    assert echoed(Protocol(*large[1]), *large[0])["body"]  # what was answered waits no more


def test_a_file_is_sent_as_it_lies_there_however_long_it_is(tmp_path: Path) -> None:
    long = tmp_path / "long"
    with long.open("wb") as sparse:
        sparse.truncate(600_000)
    answered = call(Protocol(), method="GET", path="/file", query_string=f"path={long}")

    assert (answered.status, answered.content) == (200, bytes(600_000))
    assert answered.streamed == 3
    assert answered.headers["Content-Length"] == "600000"


def test_a_body_that_ends_early_is_400() -> None:
    class Cut(Protocol):
        async def __call__(self) -> bytes:
            raise rsgi.ProtocolClosed

    answered = call(Cut(), ("content-length", "5"))
    assert (answered.status, json.loads(answered.content)["code"]) == (400, "body_cut_short")


def test_more_than_anybody_may_send_is_413(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rsgi, "MOST_BYTES", 10)
    answered = call(Protocol(b"x" * 8, b"x" * 8), ("transfer-encoding", "chunked"))
    assert (answered.status, json.loads(answered.content)["code"]) == (413, "body_too_large")


def test_what_is_streamed_is_sent_chunk_by_chunk_after_django_is_done_with_it() -> None:
    answered = call(Protocol(), method="GET", path="/stream")

    assert (answered.status, answered.content) == (200, b"y" * 900_000)
    assert answered.streamed > 1


def test_a_get_waits_for_no_body() -> None:
    told = echoed(Protocol(b"x", pause=60), ("content-length", "1"), method="GET")
    assert told["body"] == ""
