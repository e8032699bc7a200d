"""The door for events. Plain Django: nothing between the socket and the one INSERT that needs not be there."""

import logging

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from msgspec.json import encode

from cdp.outages import is_passing
from profiles.ingest import credentials, inbox
from profiles.ingest.bodies import BodyRefused, inflate, open_body, too_large
from profiles.ingest.doorbell import ring
from profiles.ingest.incoming import MAX_BODY_BYTES

log = logging.getLogger(__name__)

ROUTES = {"b": "batch", "t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias"}
RETRY_AFTER_SECONDS = 2
_MOST_DRAINED = 64 * 1024 * 1024
_ACCEPTED = b'{"success": true}'
# `*` does not cover Authorization, so what browsers' SDKs send is named.
_ALLOWED_HEADERS = (
    "accept, authorization, content-type, content-encoding, anonymousid, sentat, x-retry-count, x-write-key,"
    " rsa-retry-attempt, rsa-retry-reason, rsa-since-first-attempt, rsa-since-last-attempt"
)


@csrf_exempt
def take(request: HttpRequest, route: str) -> HttpResponse:
    """Answer one ingest request: exactly 200 once its events are durable, else an error with code and message."""
    try:
        answer = _answer(request, ROUTES.get(route, route))
    except BodyRefused as refused:
        answer = _error(refused.status, refused.code, refused.message)
    except OSError:
        answer = _error(400, "body_cut_short", "The connection ended before the body did.")
    except (DatabaseError, InterfaceError) as error:
        if not is_passing(error):
            raise
        log.warning("an ingest request was turned away: %s", type(error).__name__)
        answer = _error(503, "unavailable", "Events cannot be stored at the moment. Send them again.")
        answer["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if "HTTP_ORIGIN" in request.META:
        _let_browsers_read(answer)
    return answer


def _answer(request: HttpRequest, route: str) -> HttpResponse:
    if request.method == "OPTIONS":
        return HttpResponse(status=204)
    if request.method != "POST":
        answer = _error(405, "method_not_allowed", "Events are sent with POST.")
        answer["Allow"] = "POST, OPTIONS"
        return answer
    _take(request, route)
    return HttpResponse(_ACCEPTED, content_type="application/json")


def _take(request: HttpRequest, route: str) -> None:
    now = timezone.now()
    body = _read(request)
    token = credentials.in_headers(request)
    key = credentials.admit(token, now=now) if token else None  # a stranger's body is not even inflated
    opened = open_body(inflate(body), route=route)
    if key is None:
        key = credentials.admit(credentials.in_body(request, opened), now=now)
    if not opened.events:
        return
    sender = credentials.sender(request, key)
    inbox.accept(sender=sender, route=route, body=body, event_count=len(opened.events))
    ring()


def _read(request: HttpRequest) -> bytes:
    # Django takes a body of unstated length for an empty one; the server below it knows where a chunked one ends.
    chunked = request.META.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
    stream = request.META["wsgi.input"] if chunked else request
    body = bytes(stream.read(MAX_BODY_BYTES + 1))
    if len(body) <= MAX_BODY_BYTES:
        return body
    # Read on to the end: a server that answers and closes in mid-upload is seen as broken, and its answer as none.
    drained = 0
    while drained < _MOST_DRAINED and (chunk := stream.read(256 * 1024)):
        drained += len(chunk)
    raise too_large()


def _error(status: int, code: str, message: str) -> HttpResponse:
    # Clients read both keys of any JSON error, and retry a hopeless request when one is absent.
    content = encode({"success": False, "code": code, "message": message})
    return HttpResponse(content, status=status, content_type="application/json")


def _let_browsers_read(answer: HttpResponse) -> None:
    answer["Access-Control-Allow-Origin"] = "*"
    answer["Access-Control-Allow-Methods"] = "POST, OPTIONS"
    answer["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
    answer["Access-Control-Expose-Headers"] = "Retry-After"
    answer["Access-Control-Max-Age"] = "600"
