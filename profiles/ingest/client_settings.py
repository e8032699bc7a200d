"""What browsers' SDKs ask before they send anything: where to send, with which integrations, which metrics."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from msgspec.json import encode
from prometheus_client import Counter

from cdp import cors
from cdp.api_keys import KeyFacts
from cdp.outages import is_passing
from profiles.ingest import answers, credentials
from profiles.ingest.bodies import BodyRefused
from profiles.ingest.inbox import source_key
from profiles.ingest.views import RETRY_AFTER_SECONDS, read

log = logging.getLogger(__name__)

METHODS = "GET, HEAD"
#: Pages fetch them again at every load; a key that was revoked sends nothing more within a second all the same.
_KEPT_SECONDS = 60

_dropped = Counter("cdp_client_metrics_dropped", "Requests with browser SDKs' figures about themselves, not kept.")


@csrf_exempt
def segment_settings(request: HttpRequest, write_key: str) -> HttpResponse:
    """Answer analytics-next. Another integration than our own would make it load code from elsewhere."""
    return _told(request, lambda now: _segment(request, credentials.admit(write_key, now=now), write_key))


@csrf_exempt
def rudder_source_config(request: HttpRequest) -> HttpResponse:
    """Answer RudderStack's analytics-js: a source that is on, without destinations, errors or metrics of its own."""

    def tell(now: datetime) -> dict[str, Any]:
        token = credentials.in_headers(request) or request.GET.get("writeKey", "")
        return _rudder(credentials.admit(token, now=now), token, now=now)

    return _told(request, tell)


@csrf_exempt
def metrics(request: HttpRequest) -> HttpResponse:
    """Take what analytics-next tells about itself, count it, and drop it."""
    if request.method == "OPTIONS":
        return cors.preflight(request, methods="POST")
    if request.method != "POST":
        answer = answers.refused(405, "method_not_allowed", "Metrics are sent with POST.")
        answer["Allow"] = "POST, OPTIONS"
    else:
        answer = _drop(request)
    cors.let_browsers_read(request, answer, methods="POST")
    return answer


def _drop(request: HttpRequest) -> HttpResponse:
    try:
        read(request)
    except BodyRefused as refused:
        return answers.refused(refused.status, refused.code, refused.message)
    _dropped.inc()
    return answers.accepted()


def _told(request: HttpRequest, tell: Callable[[datetime], dict[str, Any]]) -> HttpResponse:
    if request.method == "OPTIONS":
        return cors.preflight(request, methods=METHODS)
    answer = _answer(request, tell)
    cors.let_browsers_read(request, answer, methods=METHODS)
    return answer


def _answer(request: HttpRequest, tell: Callable[[datetime], dict[str, Any]]) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        answer = answers.refused(405, "method_not_allowed", "Settings are read with GET.")
        answer["Allow"] = "GET, HEAD, OPTIONS"
        return answer
    try:
        content = encode(tell(timezone.now()))
    except BodyRefused as refused:
        # The key is part of the address for one client and a credential for the other.
        status = 404 if request.resolver_match and "write_key" in request.resolver_match.kwargs else refused.status
        return answers.refused(status, refused.code, refused.message)
    except (DatabaseError, InterfaceError) as error:
        if not is_passing(error):
            raise
        log.warning("settings could not be told: %s", type(error).__name__)
        answer = answers.refused(503, "unavailable", "Settings cannot be read at the moment. Ask again.")
        answer["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return answer
    return HttpResponse(
        content, content_type="application/json", headers={"Cache-Control": f"private, max-age={_KEPT_SECONDS}"}
    )


def _segment(request: HttpRequest, key: KeyFacts, token: str) -> dict[str, Any]:
    secure = settings.CDP_HTTPS or request.is_secure()
    ours = {"apiKey": token, "apiHost": f"{request.get_host()}/v1", "protocol": "https" if secure else "http"}
    return {
        "integrations": {"Segment.io": ours},
        "plan": {"track": {}, "identify": {}, "group": {}},
        "edgeFunction": {},
        "metrics": {"sampleRate": 0},
        "enabledMiddleware": {},
        "remotePlugins": [],
    }


def _rudder(key: KeyFacts, token: str, *, now: datetime) -> dict[str, Any]:
    silent = {"enabled": False}
    return {
        "source": {
            "id": source_key(key.source),
            "name": key.source,
            "writeKey": token,
            "enabled": True,
            "workspaceId": "cdp",
            "config": {"statsCollection": {"errors": silent, "metrics": silent}},
            "connections": [],
            "destinations": [],
        },
        "updatedAt": now.isoformat(),
    }
