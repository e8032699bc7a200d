"""The spans themselves. Needs OpenTelemetry, and is imported only by `traces` where a collector is named.

A span tells a route, a task's name, a status and a duration. The general instrumentations also tell addresses and
statements, and an address here may be somebody's e-mail: so the few spans the product needs are made by hand.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from cdp.private_logs import route

_BROKEN = 500
_propagator = TraceContextTextMapPropagator()


@cache
def _provider() -> TracerProvider:
    """Return the provider of this process, made at its first span: an exporter's thread does not survive a fork.

    It sends what it holds when the process ends.
    """
    provider = TracerProvider(resource=Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME") or "cdp"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


@contextmanager
def of_request(request: HttpRequest) -> Iterator[Span]:
    """Trace a request, as part of its caller's trace where it brought one."""
    above = {"traceparent": request.META.get("HTTP_TRACEPARENT", "")}
    with _span(str(request.method), SpanKind.SERVER, above) as span:
        yield span


def answered(span: Span, request: HttpRequest, response: HttpResponseBase) -> None:
    """Say what a request was and how it ended; its route is known only now."""
    span.update_name(f"{request.method} {route(request)}")
    span.set_attribute("http.request.method", str(request.method))
    span.set_attribute("http.route", route(request))
    span.set_attribute("http.response.status_code", response.status_code)
    if response.status_code >= _BROKEN:
        _mark_failed(span, str(response.status_code))


@contextmanager
def of_task(name: str, above: Mapping[str, Any]) -> Iterator[None]:
    """Trace a task, as part of the trace of whatever sent it."""
    with _span(name, SpanKind.CONSUMER, above) as span:
        try:
            yield
        except Exception as error:
            _mark_failed(span, type(error).__name__)  # its message may quote what somebody sent
            raise


def carried() -> dict[str, str]:
    """Return what a message carries so that its task joins the trace."""
    headers: dict[str, str] = {}
    _propagator.inject(headers)
    return headers


@contextmanager
def _span(name: str, kind: SpanKind, above: Mapping[str, Any]) -> Iterator[Span]:
    context = _propagator.extract({"traceparent": str(above.get("traceparent") or "")})
    with (
        _provider()
        .get_tracer("cdp")
        .start_as_current_span(
            name, context=context, kind=kind, record_exception=False, set_status_on_exception=False
        ) as span
    ):
        yield span


def _mark_failed(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))
