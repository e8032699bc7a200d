"""OpenTelemetry, where the operator installed it and named a collector; nothing at all, and at no cost, elsewhere."""

import importlib
import importlib.util
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

from cdp import env

if TYPE_CHECKING:  # the settings call `check`, and the beat, which reads them, is to stay small
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_NEEDED = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def check() -> None:
    """Raise BadSetting when a collector is named and the packages that talk to it are absent."""
    if not os.environ.get(ENDPOINT):
        return
    for name in _NEEDED:
        if importlib.util.find_spec(name) is None:
            told = "install it with .venv/bin/python -m pip install -r requirements-otel.lock, or unset the variable."
            raise env.BadSetting(f"{ENDPOINT} names a collector for traces, but {name} is not installed: {told}")


@cache
def _spans() -> Any:
    return importlib.import_module("cdp.observability.spans") if os.environ.get(ENDPOINT) else None


def of_request(request: "HttpRequest") -> AbstractContextManager[Any]:
    """Trace a request, as part of its caller's trace where it brought one."""
    spans = _spans()
    return nullcontext() if spans is None else spans.of_request(request)  # type: ignore[no-any-return]


def answered(span: Any, request: "HttpRequest", response: "HttpResponseBase") -> None:
    """Say on a request's span what it was and how it ended."""
    if span is not None:
        _spans().answered(span, request, response)


def of_task(name: str, above: Mapping[str, Any]) -> AbstractContextManager[Any]:
    """Trace a task, as part of the trace of whatever sent it."""
    spans = _spans()
    return nullcontext() if spans is None else spans.of_task(name, above)  # type: ignore[no-any-return]


def carried() -> dict[str, str]:
    """Return what a message carries so that its task joins the trace."""
    spans = _spans()
    return {} if spans is None else spans.carried()  # type: ignore[no-any-return]
