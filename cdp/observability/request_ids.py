"""One id per request, from the first line it leaves in a log to the last task it set off.

A caller may bring its own (`X-Request-Id`), so that its log and ours can be laid side by side; every answer names it.
The inbox keeps it beside the events, and tasks carry it in their message's headers. What no request asked for, a sweep
say, goes by its task's own id.
"""

import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from celery import Task
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from cdp.observability import request_lines, traces

HEADER = "X-Request-Id"
_CARRIED = "cdp_request_id"
#: What may stand in a log as it came: nothing that could end a line, and nothing long enough to tell a story.
_WELL_FORMED = re.compile(r"[A-Za-z0-9._\-]{8,64}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def current() -> str:
    """Return the id of the request or task that is being worked on, or nothing."""
    return _current.get()


@contextmanager
def working_on(request_id: str) -> Iterator[None]:
    """Let everything inside the block be done under this id."""
    token = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(token)


class RequestIds:
    """The outermost middleware: whatever answers below it, the answer names its request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        shown = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = shown if _WELL_FORMED.fullmatch(shown) else secrets.token_hex(12)
        started = time.perf_counter()
        with working_on(request_id), traces.of_request(request) as span:
            response = self._get_response(request)
            response[HEADER] = request_id
            traces.answered(span, request, response)
            request_lines.tell(request, response, seconds=time.perf_counter() - started)
        return response


class TracedTask(Task):  # type: ignore[misc]  # Celery is untyped
    """Every task of ours: sent with the id of whatever asked for it, and done under it."""

    abstract = True

    def apply_async(self, args: Any = None, kwargs: Any = None, *more: Any, **options: Any) -> Any:
        options["headers"] = {**(options.get("headers") or {}), _CARRIED: current(), **traces.carried()}
        return super().apply_async(args, kwargs, *more, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # A message's headers become the request's own fields; a task run in place keeps them under `headers`.
        brought = {**vars(self.request), **(self.request.headers or {})}
        with working_on(brought.get(_CARRIED) or brought.get("id") or ""), traces.of_task(self.name, brought):
            return super().__call__(*args, **kwargs)
