"""GET /v1/profiles/{type}:{value}: a person from one statement, told in the bytes in which the card was stored.

This view is in the path of every page an application builds, so it stands beside REST framework, not on it: `Described`
at the end tells the OpenAPI document what the function does.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import OpenApiParameter, extend_schema
from msgspec.json import encode
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp import limits
from cdp.api.authentication import KeyAuthentication, shown_token
from cdp.api.schema import problems
from cdp.api_keys import KeyFacts
from cdp.ids import to_public
from cdp.limits import Standing
from cdp.outages import is_passing
from cdp.problems import FieldError, Problem, problem_response
from profiles.api import disclosure
from profiles.api.disclosure import TRAIT, Disclosure
from profiles.api.reads import unsettled
from profiles.queries import Sections

PARTS = ("identifiers", "traits", "segments", "tags", "consent")
_EVERYTHING = frozenset(PARTS)
_EMPTY = {"identifiers": b"[]", "traits": b"{}", "segments": b"[]", "tags": b"[]", "consent": b"{}"}


@csrf_exempt
def read_profile(request: HttpRequest, type: str, value: str) -> HttpResponse:
    """Answer with the person, or with a problem that says why not."""
    standing: Standing | None = None
    try:
        if request.method not in ("GET", "HEAD"):
            raise Problem(405, "method_not_allowed", "A profile is read with GET.", headers={"Allow": "GET, HEAD"})
        now = timezone.now()
        key = disclosure.admit(shown_token(request), now=now)
        standing = limits.spend(key=key, policy=limits.reads(), now=now)
        if not standing.allowed:
            raise standing.refusal()
        answer = _answer(request, key, type, value, now=now)
    except Problem as problem:
        answer = problem_response(problem)
    except (DatabaseError, InterfaceError) as error:
        if not is_passing(error):
            raise
        away = "The database cannot be reached, or the access cannot be recorded: no record, no answer."
        answer = problem_response(Problem(503, "unavailable", away, headers={"Retry-After": "1"}))
    if standing is not None:
        for name, told in standing.headers().items():
            answer[name] = told
    return answer


def _answer(request: HttpRequest, key: KeyFacts, type: str, value: str, *, now: datetime) -> HttpResponse:
    disclosure.check_purpose(request.GET.get("purpose", ""), key=key)
    asked, verbose = _asked(request), _verbose(request)
    told = disclosure.disclose(key=key, type=type, value=value, asked=asked, now=now)
    body = _body(told, verbose=verbose)
    disclosure.record(told, action="profile.read", now=now)
    return _respond(request, body)


def _respond(request: HttpRequest, body: bytes) -> HttpResponse:
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    shown = request.headers.get("If-None-Match", "")
    if shown and (shown == "*" or etag in (tag.strip().removeprefix("W/") for tag in shown.split(","))):
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(body, content_type="application/json", headers=headers)


def _asked(request: HttpRequest) -> frozenset[str]:
    given = request.GET.get("include")
    if not given:
        return _EVERYTHING
    fields = frozenset(field for field in given.split(",") if field)
    unknown = sorted(field for field in fields if field not in _EVERYTHING and not field.startswith(TRAIT))
    if unknown:
        told = f"include takes {', '.join(PARTS)} and traits.<name>; it does not know {', '.join(unknown)}."
        raise Problem(400, "unknown_field", told, (FieldError("include", told),))
    return fields


def _verbose(request: HttpRequest) -> bool:
    return request.GET.get("verbose", "").lower() in ("true", "1")


# -- what is told -----------------------------------------------------------------------------------------------------
def _body(person: Disclosure, *, verbose: bool) -> bytes:
    card = person.card
    told = [
        b'{"id":"%s","merged_into":%s'
        % (person.public_id.encode(), encode(card.merged_into and to_public(card.merged_into)))
    ]
    profile = card.sections.parts("profile")
    for part in PARTS:
        spelled = _part(part, person, profile, verbose=verbose)
        if spelled is not None:
            told.append(b',"%s":%s' % (part.encode(), spelled))
    if person.tells("segments"):
        told.append(b',"unsettled":%s' % encode(unsettled()))
    if person.tells_activity:
        told.append(
            b',"first_seen_at":%s,"last_seen_at":%s,"event_count":%d'
            % (encode(card.first_seen_at), encode(card.last_seen_at), card.event_count)
        )
    reasons = [{"field": one.field, "code": one.code, "reason": one.reason} for one in person.withheld]
    told.append(b',"as_of":%s,"withheld":%s}' % (encode(card.evaluated_at), encode(reasons)))
    return b"".join(told)


def _part(part: str, person: Disclosure, profile: Mapping[str, Any], *, verbose: bool) -> bytes | None:
    if part == "traits":
        return _traits(person, profile, verbose=verbose)
    if not person.tells(part):
        return None
    if part == "identifiers":
        return bytes(profile.get("identifiers", _EMPTY[part]))
    return _section(person.card.sections, part)


def _section(sections: Sections, part: str) -> bytes:
    body = sections.raw(part)
    return _EMPTY[part] if body is None else body.encode()


def _traits(person: Disclosure, profile: Mapping[str, Any], *, verbose: bool) -> bytes | None:
    """Return the traits asked for; nothing is decoded unless something has to be left out."""
    if person.hidden & {"traits", disclosure.EVERYTHING}:
        return None
    if "traits" not in person.fields and not any(field.startswith(TRAIT) for field in person.fields):
        return None
    body = bytes(profile.get("traits", b"{}")) if verbose else person.card.traits.encode()
    if person.tells("traits") and not any(field.startswith(TRAIT) for field in person.hidden):
        return body
    stored = Sections({"traits": body.decode()}).parts("traits")
    return encode({name: value for name, value in stored.items() if person.tells_trait(name)})


# -- what the OpenAPI document says -----------------------------------------------------------------------------------
NAME_TYPE = OpenApiParameter(
    "type", str, OpenApiParameter.PATH, description="user_id, email, phone, anonymous_id, a kind of your own, or id."
)


class IdentifierSerializer(serializers.Serializer):
    type = serializers.CharField()
    value = serializers.CharField()
    first_seen_at = serializers.DateTimeField()


class WithheldSerializer(serializers.Serializer):
    field = serializers.CharField(
        help_text='"traits.<name>", a whole part such as "segments", or "*"; "activity" is first_seen_at,'
        " last_seen_at and event_count."
    )
    code = serializers.CharField()
    reason = serializers.CharField()


class InSegmentSerializer(serializers.Serializer):
    key = serializers.CharField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    epoch = serializers.IntegerField()
    entered_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When time alone will next change the answer.")


class CarriedBySerializer(serializers.Serializer):
    segment = serializers.CharField()
    version = serializers.IntegerField()
    entered_at = serializers.DateTimeField()


class TagSerializer(serializers.Serializer):
    tag = serializers.CharField()
    since = serializers.DateTimeField()
    by = CarriedBySerializer(many=True, help_text="The segments that put the tag, each with the version it stands by.")


class ProfileSerializer(serializers.Serializer):
    id = serializers.CharField()
    merged_into = serializers.CharField(allow_null=True, help_text="Set when an id was asked for that was merged away.")
    identifiers = IdentifierSerializer(many=True, required=False)
    traits = serializers.DictField(
        required=False,
        help_text="Values by name; with verbose=true an object each: value, source, observed_at, applied_at, method,"
        " confidence.",
    )
    segments = InSegmentSerializer(many=True, required=False)
    tags = TagSerializer(many=True, required=False)
    unsettled = serializers.DictField(
        child=serializers.ChoiceField(choices=["backfilling", "stale"]),
        required=False,
        help_text="Live segments that are not ready, by key: backfilling or stale. Who was not reached by the live"
        " version yet stands in them, or not, as the version before decided. Empty while every segment is ready.",
    )
    consent = serializers.DictField(required=False)
    first_seen_at = serializers.DateTimeField(required=False, allow_null=True)
    last_seen_at = serializers.DateTimeField(required=False, allow_null=True)
    event_count = serializers.IntegerField(required=False)
    as_of = serializers.DateTimeField(allow_null=True, help_text="When this person was last evaluated.")
    withheld = WithheldSerializer(many=True, help_text="What is not told, and why.")


class Described(APIView):
    """Stands for `read_profile` in the OpenAPI document; it never runs."""

    authentication_classes = (KeyAuthentication,)

    @extend_schema(
        operation_id="profiles_read",
        parameters=[
            NAME_TYPE,
            OpenApiParameter("value", str, OpenApiParameter.PATH),
            OpenApiParameter("purpose", str, description="May only repeat the purpose of the key."),
            OpenApiParameter("include", str, description="identifiers, traits, traits.<name>, segments, tags, consent"),
            OpenApiParameter("verbose", bool, description="Tell every trait with its source, times and confidence."),
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER),
        ],
        responses={200: ProfileSerializer, 304: None, **problems(400, 401, 403, 404, 429, 503)},
    )
    def get(self, request: Request, type: str, value: str) -> Response:
        """Read a person."""
        raise NotImplementedError


read_profile.cls = Described  # type: ignore[attr-defined]
read_profile.initkwargs = {}  # type: ignore[attr-defined]
