"""The doors of OFREP: one flag, or all of them. Plain Django, as every read of people is."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from msgspec import DecodeError, Struct
from msgspec.json import Decoder, encode

from cdp import limits
from cdp.api.authentication import shown_token
from cdp.api_keys import KeyFacts
from cdp.limits import Standing
from cdp.outages import is_passing
from cdp.problems import Problem
from profiles.api import disclosure
from segments.api.ofrep import flags
from segments.api.ofrep.flags import NoSuchFlag, Person

MOST_BYTES = 64 * 1024
MOST_KEY = 300
PARSE_ERROR, KEY_MISSING, INVALID_CONTEXT = "PARSE_ERROR", "TARGETING_KEY_MISSING", "INVALID_CONTEXT"
GENERAL, FLAG_NOT_FOUND = "GENERAL", "FLAG_NOT_FOUND"
_USER_ID = "user_id"
# `*` does not cover Authorization, so what browsers' providers send is named.
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type, if-none-match, x-api-key",
    "Access-Control-Expose-Headers": "ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id",
    "Access-Control-Max-Age": "600",
}


class _Context(Struct):
    targetingKey: Any = None


class _Asked(Struct):
    context: _Context | None = None


_asked = Decoder(_Asked)


@csrf_exempt
def one(request: HttpRequest, key: str) -> HttpResponse:
    """Evaluate one flag."""

    def answer(facts: KeyFacts, now: datetime) -> HttpResponse:
        try:
            # Of a key nobody could mean, nobody is read.
            fields = flags.fields_of(key if len(key) <= MOST_KEY and "\x00" not in key else "")
            person = _person(request, facts, fields, now=now)
            found = flags.evaluate(key, person)
        except NoSuchFlag:
            raise Problem(404, FLAG_NOT_FOUND, "There is no live segment and no trait under this key.") from None
        if person is not None:
            disclosure.record(person.told, action="flags.evaluate", now=now, basis={"flag": key})
        return HttpResponse(encode(found.spelled()), content_type="application/json")

    return _opened(request, answer, about={"key": key})


@csrf_exempt
def everything(request: HttpRequest) -> HttpResponse:
    """Evaluate every flag; 304 where nothing has changed since the answer that If-None-Match names."""

    def answer(facts: KeyFacts, now: datetime) -> HttpResponse:
        person = _person(request, facts, flags.fields_of(flags.PROFILE), now=now)
        body = encode({"flags": [found.spelled() for found in flags.evaluate_all(person)], "metadata": {}})
        if person is not None:
            disclosure.record(person.told, action="flags.evaluate_all", now=now)
        return _tagged(request, body)

    return _opened(request, answer, about={})


def _opened(
    request: HttpRequest, answer: Callable[[KeyFacts, datetime], HttpResponse], *, about: dict[str, str]
) -> HttpResponse:
    """Let in who may read, answer, and put every refusal into the protocol's shape."""
    standing: Standing | None = None
    try:
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers=_CORS)
        if request.method != "POST":
            raise Problem(405, GENERAL, "Flags are evaluated with POST.", headers={"Allow": "POST, OPTIONS"})
        now = timezone.now()
        facts = disclosure.admit(shown_token(request) or request.headers.get("X-API-Key"), now=now)
        standing = limits.spend(key=facts, policy=limits.reads(), now=now)
        if not standing.allowed:
            raise standing.refusal()
        told = answer(facts, now)
    except Problem as problem:
        told = _refusal(problem, about)
    except (DatabaseError, InterfaceError) as error:
        if not is_passing(error):
            raise
        away = "The database cannot be reached, or the access cannot be recorded: no record, no answer."
        told = _refusal(Problem(503, GENERAL, away, headers={"Retry-After": "1"}), about)
    for name, value in (_CORS | (standing.headers() if standing else {})).items():
        told[name] = value
    return told


def _refusal(problem: Problem, about: dict[str, str]) -> HttpResponse:
    code = problem.code if problem.status in (400, 404) else GENERAL
    body = {**about, "errorCode": code, "errorDetails": problem.message}
    return HttpResponse(
        encode(body), status=problem.status, content_type="application/json", headers=problem.headers or None
    )


def _tagged(request: HttpRequest, body: bytes) -> HttpResponse:
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization, X-API-Key"}
    shown = request.headers.get("If-None-Match", "")
    if shown and (shown == "*" or etag in (tag.strip().removeprefix("W/") for tag in shown.split(","))):
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(body, content_type="application/json", headers=headers)


def _person(request: HttpRequest, facts: KeyFacts, fields: frozenset[str], *, now: datetime) -> Person | None:
    """Return whom the request is about, None where nobody goes by that name; raises a Problem."""
    type, value = _named(_targeting_key(request))
    try:
        return Person(disclosure.disclose(key=facts, type=type, value=value, asked=fields, now=now))
    except Problem as problem:
        if problem.status != 404:
            raise
        return None


def _targeting_key(request: HttpRequest) -> str:
    try:
        asked = _asked.decode(_body(request))
    except (DecodeError, RecursionError, UnicodeDecodeError):
        told = 'The body is a JSON object: {"context": {"targetingKey": "user_id:u_1"}}.'
        raise Problem(400, PARSE_ERROR, told) from None
    given = asked.context.targetingKey if asked.context else None
    if given is None or given == "":
        raise Problem(400, KEY_MISSING, "context.targetingKey says who it is about: <type>:<value>, or a user id.")
    if not isinstance(given, str):
        raise Problem(400, INVALID_CONTEXT, "context.targetingKey is a text.")
    return given


def _body(request: HttpRequest) -> bytes:
    try:
        body = request.body
    except (RequestDataTooBig, UnreadablePostError):
        body = b""
    return body if len(body) <= MOST_BYTES else b""


def _named(targeting_key: str) -> tuple[str, str]:
    """Read "<type>:<value>"; what names no type is a user id, as most applications' targeting keys are."""
    type, colon, value = targeting_key.partition(":")
    return (type, value) if colon and type in disclosure.types() else (_USER_ID, targeting_key)
