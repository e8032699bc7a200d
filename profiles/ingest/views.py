"""The door for events. Plain Django: nothing between the socket and the one INSERT that needs not be there."""

import logging
from datetime import datetime

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from cdp import cors, limits
from cdp.api_keys import KeyFacts
from cdp.limits import Standing
from cdp.outages import is_passing
from profiles.ingest import answers, backlog, credentials, inbox
from profiles.ingest.bodies import BodyRefused, OpenedBody, inflate, open_body, too_large
from profiles.ingest.doorbell import ring
from profiles.ingest.incoming import MAX_BODY_BYTES

log = logging.getLogger(__name__)

ROUTES = {"b": "batch", "t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias"}
METHODS = "POST"
RETRY_AFTER_SECONDS = 2
_MOST_DRAINED = 64 * 1024 * 1024


class SentTooMuch(Exception):
    """The sender shall come back later; nothing is wrong with what was sent."""

    def __init__(self, code: str, message: str, *, seconds: int, standing: Standing | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.seconds = seconds
        self.standing = standing


@csrf_exempt
def take(request: HttpRequest, route: str) -> HttpResponse:
    """Answer one ingest request: exactly 200 once its events are durable, else an error with code and message."""
    if request.method == "OPTIONS":
        return cors.preflight(request, methods=METHODS)
    answer = _answer(request, ROUTES.get(route, route), now=timezone.now())
    cors.let_browsers_read(request, answer, methods=METHODS)
    return answer


def _answer(request: HttpRequest, route: str, *, now: datetime) -> HttpResponse:
    if request.method != "POST":
        answer = answers.refused(405, "method_not_allowed", "Events are sent with POST.")
        answer["Allow"] = "POST, OPTIONS"
        return answer
    standing = None
    try:
        standing = _take(request, route, now=now)
        answer = answers.accepted()
    except SentTooMuch as refused:
        answer = answers.refused(429, refused.code, refused.message)
        answers.tell_when_to_come_back(answer, seconds=refused.seconds, now=now)
        standing = refused.standing
    except BodyRefused as refused:
        answer = answers.refused(refused.status, refused.code, refused.message)
    except OSError:
        answer = answers.refused(400, "body_cut_short", "The connection ended before the body did.")
    except (DatabaseError, InterfaceError) as error:
        if not is_passing(error):
            raise
        log.warning("an ingest request was turned away: %s", type(error).__name__)
        answer = answers.refused(503, "unavailable", "Events cannot be stored at the moment. Send them again.")
        answer["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if standing is not None:
        for name, told in standing.headers().items():
            answer[name] = told
    return answer


def _take(request: HttpRequest, route: str, *, now: datetime) -> Standing | None:
    body = read(request)
    token = credentials.in_headers(request)
    key = credentials.admit(token, now=now) if token else None  # a stranger's body is not even inflated
    if key is not None:
        _check_backlog(now=now)
    opened = open_body(inflate(body), route=route)
    if key is None:
        key = credentials.admit(credentials.in_body(request, opened), now=now)
        _check_backlog(now=now)
    if not opened.events:
        return None
    standing = _charge(key, opened, now=now)
    sender = credentials.sender(request, key)
    inbox.accept(sender=sender, route=route, body=body, event_count=len(opened.events))
    ring()
    return standing


# 429 and not 503: all clients wait as long as a 429 says and keep what they have, some give up sooner on a 503.
def _check_backlog(*, now: datetime) -> None:
    found = backlog.level(now=now)
    if found.too_high:
        told = "More events wait to be stored than may wait. Send these again later."
        raise SentTooMuch("too_many_pending", told, seconds=found.wait_seconds)


def _charge(key: KeyFacts, opened: OpenedBody, *, now: datetime) -> Standing:
    standing = limits.spend(key=key, policy=limits.events(), now=now, cost=len(opened.events))
    if not standing.allowed:
        told = f"This key may send {standing.limit} events a minute. Send these again later."
        raise SentTooMuch("rate_limited", told, seconds=standing.reset_seconds, standing=standing)
    return standing


def read(request: HttpRequest) -> bytes:
    """Return the body as it came. Raises BodyRefused when it is larger than any that is taken."""
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
