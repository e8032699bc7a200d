"""Lines about requests that somebody should look at: those that broke and those that took long."""

import logging

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from cdp.private_logs import route

log = logging.getLogger(__name__)

_BROKEN = 500


def tell(request: HttpRequest, response: HttpResponseBase, *, seconds: float) -> None:
    """Log a request by its route, never by its address, which may name a person; sound and quick ones for debugging."""
    worth_a_look = response.status_code >= _BROKEN or seconds * 1000 >= settings.CDP_SLOW_REQUEST_MS
    level = logging.WARNING if worth_a_look else logging.DEBUG
    if not log.isEnabledFor(level):
        return
    facts = {
        "method": request.method,
        "route": route(request),
        "status": response.status_code,
        "seconds": round(seconds, 4),
    }
    log.log(level, "request", extra=facts)
