"""Events in the address of an image, for places that run no script: mails, feeds, pages without JavaScript.

Whatever happens the answer is 200 and the image, because a broken one would be seen. What cannot be taken is counted by
its reason, and recorded among the refused events wherever it is known whose it was.
"""

import base64
import binascii
import logging
from collections.abc import Callable
from datetime import datetime

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from prometheus_client import Counter

from cdp import cors, limits
from cdp.api_keys import KeyFacts
from profiles.ingest import answers, credentials, inbox, rejections
from profiles.ingest.bodies import BodyRefused, OpenedBody, open_body
from profiles.ingest.dialects import KINDS
from profiles.ingest.doorbell import ring
from profiles.ingest.incoming import MAX_EVENT_BYTES, MAX_PAYLOAD_BYTES, Rejected

log = logging.getLogger(__name__)

METHODS = "GET, HEAD"
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_refused = Counter("cdp_pixels_refused", "Events sent as pixels that were not taken, by the reason.", ["reason"])


@csrf_exempt
def pixel(request: HttpRequest, route: str) -> HttpResponse:
    """Answer with the image; keep its event if it is one."""
    if request.method == "OPTIONS":
        return cors.preflight(request, methods=METHODS)
    if request.method not in ("GET", "HEAD"):
        answer = answers.refused(405, "method_not_allowed", "A pixel is loaded with GET.")
        answer["Allow"] = "GET, HEAD, OPTIONS"
        return answer
    _whatever_happens(lambda: _take(request, route, now=timezone.now()))
    answer = HttpResponse(GIF, content_type="image/gif", headers={"Cache-Control": "no-store, max-age=0"})
    cors.let_browsers_read(request, answer, methods=METHODS)
    return answer


def _whatever_happens(work: Callable[[], None]) -> None:
    try:
        work()
    except BodyRefused as refused:
        _refused.labels(refused.code).inc()
    except (DatabaseError, InterfaceError) as error:
        _refused.labels("unavailable").inc()
        log.warning("a pixel's event was lost: %s", type(error).__name__)
    except Exception:
        # The one door that may not fail: who sees a broken image can do nothing about it.
        _refused.labels("internal").inc()
        log.exception("a pixel's event was lost")


def _take(request: HttpRequest, route: str, *, now: datetime) -> None:
    if route not in KINDS:
        raise BodyRefused(404, "unknown_type", f"{', '.join(KINDS)} are what a pixel may tell.")
    try:
        plain = _decoded(request.GET.get("data", ""))
        opened = open_body(plain, route=route)
        if len(plain) > MAX_EVENT_BYTES:
            raise BodyRefused(413, "event_too_large", f"The event is larger than {MAX_EVENT_BYTES} bytes.")
    except BodyRefused as refused:
        _record(request, refused, now=now)
        raise
    key = credentials.admit(_token(request, opened), now=now)
    if not limits.spend(key=key, policy=limits.events(), now=now).allowed:
        raise BodyRefused(429, "rate_limited", "The key may not send more events in this minute.")
    inbox.accept(sender=credentials.sender(request, key), route=route, body=plain, event_count=1)
    ring()


def _decoded(data: str) -> bytes:
    """Read base64 of either alphabet, with or without its end; a `+` in an address arrives as a space."""
    sound = data.strip().replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(sound + "=" * (-len(sound) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BodyRefused(400, "invalid_base64", "data: not base64.") from None


def _token(request: HttpRequest, opened: OpenedBody) -> str:
    return credentials.in_headers(request) or credentials.in_body(request, opened)


def _record(request: HttpRequest, refused: BodyRefused, *, now: datetime) -> None:
    """Keep what was refused where its sender is known: from a header or the address, the data being unreadable."""
    token = credentials.in_headers(request) or request.GET.get("writeKey", "")
    if not token:
        return
    key: KeyFacts = credentials.admit(token, now=now)
    payload = request.GET.get("data", "").encode()[:MAX_PAYLOAD_BYTES]
    line = Rejected(0, "", refused.code, "data", refused.message, payload)
    rejections.record_unreadable(sender=credentials.sender(request, key), rejected=[line])
