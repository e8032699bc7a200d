"""The door of Segment's Profile API. Plain Django, as every read of people is."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from msgspec.json import encode

from cdp import limits
from cdp.api.authentication import shown_token
from cdp.api_keys import KeyFacts
from cdp.limits import Standing
from cdp.observability import request_ids
from cdp.outages import is_passing
from cdp.problems import Problem
from profiles.api import disclosure
from profiles.api.disclosure import TRAIT, Disclosure
from profiles.api.segment_profiles import events, parts, query
from profiles.api.segment_profiles.events import Wanted
from profiles.api.segment_profiles.query import Cursor, TraitClass

USERS, ACCOUNTS = "users", "accounts"
NOT_FOUND = "Profile was not found."
_CODES = {401: "authentication_error", 403: "authentication_error", 404: "not_found", 429: "rate_limit_error"}
_SERVER_ERROR = "api_error"
_REQUEST_ERROR = "invalid_request_error"

Answer = tuple[dict[str, Any], Cursor | None]


@dataclass(frozen=True, slots=True)
class Resource:
    """One of the lists below a profile: what it reads of a person, and how it answers."""

    fields: Callable[[Mapping[str, str]], frozenset[str]]
    answer: Callable[[Disclosure, Mapping[str, str], datetime], Answer]


@csrf_exempt
def read(request: HttpRequest, space: str, collection: str, external_id: str, resource: str) -> HttpResponse:
    """Answer with one resource of a profile, or with an error in Segment's shape."""
    standing: Standing | None = None
    try:
        now = timezone.now()
        if request.method not in ("GET", "HEAD"):
            raise Problem(405, "method_not_allowed", "A profile is read with GET.", headers={"Allow": "GET, HEAD"})
        key = disclosure.admit(shown_token(request), now=now)
        standing = limits.spend(key=key, policy=limits.reads(), now=now)
        if not standing.allowed:
            raise standing.refusal()
        disclosure.check_purpose(request.GET.get("purpose", ""), key=key)
        type, value = _person(space, collection, external_id)
        answer = _answer(request, key, type, value, f"/v1/spaces/{space}/collections/{collection}", resource, now=now)
    except Problem as problem:
        answer = _error(problem)
    except (DatabaseError, InterfaceError) as error:
        if not is_passing(error):
            raise
        away = "The database cannot be reached, or the access cannot be recorded: no record, no answer."
        answer = _error(Problem(503, "unavailable", away, headers={"Retry-After": "1"}))
    for name, value in standing.headers().items() if standing else ():
        answer[name] = value
    answer["Request-Id"] = request_ids.current() or secrets.token_hex(12)
    answer["Cache-Control"] = "private, no-store"
    return answer


@csrf_exempt
def nothing_here(request: HttpRequest) -> HttpResponse:
    """Answer for every other address below /v1/spaces/ as Segment does."""
    return _error(Problem(404, "not_found", "The requested resource does not exist."))


def _answer(
    request: HttpRequest, key: KeyFacts, type: str, value: str, base: str, resource: str, *, now: datetime
) -> HttpResponse:
    reading = RESOURCES[resource]
    given = {name: str(told) for name, told in request.GET.items()}
    person = _disclose(key, type, value, reading.fields(given), now=now)
    # Before anything is told: that a parameter is refused already says that there is somebody.
    disclosure.record(person, action=f"profile.{resource}", now=now)
    body, cursor = reading.answer(person, given, now)
    if cursor is not None:
        body["cursor"] = _spelled(cursor, given, person, base, resource)
    return HttpResponse(encode(body), content_type="application/json")


def _person(space: str, collection: str, external_id: str) -> tuple[str, str]:
    for name, given in (("space_id", space), ("collection", collection)):
        if strange := sorted({character for character in given if not (character.isalnum() or character in "_-")}):
            raise Problem(400, query.INVALID, f"The parameter `{name}` has invalid character(s) `{''.join(strange)}`")
    if collection not in (USERS, ACCOUNTS):
        raise Problem(400, query.INVALID, f"The parameter `collection` is {USERS} or {ACCOUNTS}.")
    type, colon, value = external_id.partition(":")
    if not (type and colon and value):
        raise Problem(400, query.INVALID, "The parameter `external_id` is written <type>:<value>, as user_id:u_1.")
    # Companies are not profiles of their own here: group calls are events of people, and tell which links they have.
    if collection == ACCOUNTS or type not in disclosure.types():
        raise Problem(404, "not_found", NOT_FOUND)
    return type, value


def _disclose(key: KeyFacts, type: str, value: str, asked: frozenset[str], *, now: datetime) -> Disclosure:
    try:
        return disclosure.disclose(key=key, type=type, value=value, asked=asked, now=now)
    except Problem as problem:
        raise Problem(404, "not_found", NOT_FOUND) if problem.status == 404 else problem from None


def _spelled(cursor: Cursor, given: Mapping[str, str], person: Disclosure, base: str, resource: str) -> dict[str, Any]:
    """Spell the cursor; its address names the person by the id that never changes, and leads to the next page."""
    after = cursor.spelled(resource)
    kept = [(name, value) for name, value in given.items() if name not in ("next", "purpose")]
    asked = urlencode([*kept, *([("next", after)] if after else [])])
    path = f"{base}/profiles/{quote(f'id:{person.public_id}', safe=':')}/{resource}"
    return {
        "url": f"{path}?{asked}" if asked else path,
        "has_more": bool(after),
        "next": after,
        "limit": _page(given, resource).limit,
    }


def _error(problem: Problem) -> HttpResponse:
    if problem.code == query.INVALID:
        code = query.INVALID
    else:
        code = _CODES.get(problem.status, _REQUEST_ERROR if problem.status < 500 else _SERVER_ERROR)
    body = {"error": {"code": code, "message": problem.message}}
    return HttpResponse(
        encode(body), status=problem.status, content_type="application/json", headers=problem.headers or None
    )


# -- the five resources ------------------------------------------------------------------------------------------------
_LIMITS = {"traits": (10, 200), "external_ids": (25, 100), "events": (100, 100), "links": (20, 20)}


def _page(given: Mapping[str, str], resource: str) -> query.Page:
    default, most = _LIMITS[resource]
    return query.page(given, resource, default=default, most=most)


def _trait_fields(given: Mapping[str, str]) -> frozenset[str]:
    only, include = query.trait_class(given), query.names(given, "include")
    if only is TraitClass.AUDIENCE:
        return frozenset({"segments"})
    stated = frozenset(f"{TRAIT}{name}" for name in include) if include else frozenset({"traits"})
    return stated if only is TraitClass.COMPUTED else stated | {"segments"}


def _traits(person: Disclosure, given: Mapping[str, str], now: datetime) -> Answer:
    found, cursor = parts.traits(
        person,
        include=query.names(given, "include"),
        only=query.trait_class(given),
        verbose=query.flag(given, "verbose"),
        page=_page(given, "traits"),
    )
    return {"traits": found}, cursor


def _external_ids(person: Disclosure, asked: Mapping[str, str], now: datetime) -> Answer:
    query.flag(asked, "verbose")
    include = query.names(asked, "include")
    found, cursor = parts.external_ids(person, include=include, page=_page(asked, "external_ids"))
    return {"data": found}, cursor


def _events(person: Disclosure, asked: Mapping[str, str], now: datetime) -> Answer:
    page, wanted = _page(asked, "events"), _wanted(person, asked, now=now)
    if not person.tells("events") or wanted.start >= wanted.end:
        return {"data": []}, Cursor()
    found, cursor = events.find(profile_id=person.card.profile_id, wanted=wanted, page=page)
    return {"data": [events.spell(one, person) for one in found]}, cursor


def _wanted(person: Disclosure, given: Mapping[str, str], *, now: datetime) -> Wanted:
    """Fourteen days, as Segment keeps them, unless `start` asks for more of what is kept here."""
    end = query.moment(given, "end") or now + timedelta(days=1)
    return Wanted(
        start=query.moment(given, "start") or min(end, now) - events.WINDOW,
        end=end,
        include=query.names(given, "include"),
        exclude=(*query.names(given, "exclude"), *events.excluded(person)),
        ascending=query.is_ascending(given),
    )


def _metadata(person: Disclosure, asked: Mapping[str, str], now: datetime) -> Answer:
    query.flag(asked, "verbose")
    return {"metadata": parts.metadata(person)}, None


def _links(person: Disclosure, asked: Mapping[str, str], now: datetime) -> Answer:
    found, cursor = parts.links(person, page=_page(asked, "links"))
    return {"data": found}, cursor


RESOURCES = {
    "traits": Resource(_trait_fields, _traits),
    "external_ids": Resource(lambda given: frozenset({"identifiers"}), _external_ids),
    "events": Resource(lambda given: frozenset({"events", "identifiers", "traits"}), _events),
    "metadata": Resource(lambda given: frozenset({"identifiers", "segments", "traits"}), _metadata),
    "links": Resource(lambda given: frozenset({"events"}), _links),
}
