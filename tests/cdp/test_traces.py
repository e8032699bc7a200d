"""Traces go to the collector that is named, and tell routes, never addresses."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

ROOT = Path(__file__).resolve().parents[2]
CALLER = "0af7651916cd43dd8448eb211c80319c"
_REQUEST = f"""
import django; django.setup()
from django.test import Client
from cdp.celery import app

def canary(): raise ValueError("anna.canary@example.com")
task = app.task(canary, name="tests.canary")
above = {{"traceparent": "00-{CALLER}-b7ad6b7169203331-01"}}
Client(SERVER_NAME="localhost").get("/v1/profiles/email:anna.canary@example.com", headers=above)
task.apply()
"""


class Collector(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []

    @property
    def spans(self) -> list[Span]:
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def collector() -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "cdp.settings", "NO_PROXY": "*", **variables}
    return subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def traced() -> Iterator[Collector]:
    with collector() as server:
        done = run(_REQUEST, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.server_port}")
        assert done.returncode == 0, done.stderr
        yield server


def test_a_request_is_a_span_of_its_route_within_its_callers_trace(traced: Collector) -> None:
    (span,) = [span for span in traced.spans if span.kind == Span.SPAN_KIND_SERVER]
    told = {each.key: each.value.string_value or each.value.int_value for each in span.attributes}

    assert span.name == "GET /v1/profiles/<slug:type>:<identifier:value>"
    assert span.trace_id.hex() == CALLER
    assert (told["http.route"], told["http.response.status_code"]) == (span.name.removeprefix("GET "), 401)


def test_a_task_that_broke_is_a_span_with_the_errors_kind(traced: Collector) -> None:
    (span,) = [span for span in traced.spans if span.kind == Span.SPAN_KIND_CONSUMER]

    assert span.name == "tests.canary"
    assert {each.key: each.value.string_value for each in span.attributes} == {"error.type": "ValueError"}


def test_nothing_in_a_trace_names_anybody(traced: Collector) -> None:
    assert traced.bodies
    assert not any(b"canary@" in body for body in traced.bodies)


def test_without_a_collector_nothing_of_it_is_imported() -> None:
    done = run(
        "import django; django.setup()\n"
        "import sys, cdp.celery\n"
        # Redis' client imports the metrics of it wherever it is installed.
        "ours = ('opentelemetry.sdk.trace', 'opentelemetry.exporter', 'opentelemetry.propagate')\n"
        "print([name for name in sys.modules if name.startswith(ours)])",
        OTEL_EXPORTER_OTLP_ENDPOINT="",
    )

    assert done.stdout.strip() == "[]", done.stderr
