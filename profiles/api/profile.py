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

from cdp import access, api_keys
from cdp.access import Actor
from cdp.api.authentication import KeyAuthentication, shown_token
from cdp.api.schema import problems
from cdp.api_keys import KeyFacts
from cdp.ids import to_public
from cdp.models import Scope
from cdp.models.access_record import Outcome
from cdp.problems import FieldError, Problem, problem_response
from profiles import lanes
from profiles.api.reads import Read, Withheld, withhold
from profiles.models import IdentifierType
from profiles.queries import PROFILE_ID, PersonCard, Sections, find_card

TYPES = (*IdentifierType.values, PROFILE_ID)
PARTS = ("identifiers", "traits", "segments", "consent")
ACTIVITY = "activity"
_EVERYTHING = frozenset(PARTS)
_PERSONAL = frozenset({"identifiers", "traits", "segments"})
_TRAIT = "traits."
_EMPTY = {"identifiers": b"[]", "traits": b"{}", "segments": b"[]", "consent": b"{}"}


@csrf_exempt
def read_profile(request: HttpRequest, type: str, value: str) -> HttpResponse:
    """Answer with the person, or with a problem that says why not."""
    try:
        if request.method not in ("GET", "HEAD"):
            raise Problem(405, "method_not_allowed", "A profile is read with GET.", headers={"Allow": "GET, HEAD"})
        return _answer(request, type, value, now=timezone.now())
    except Problem as problem:
        return problem_response(problem)
    except (DatabaseError, InterfaceError):
        away = "The database cannot be reached, or the access cannot be recorded: no record, no answer."
        return problem_response(Problem(503, "unavailable", away, headers={"Retry-After": "1"}))


def _answer(request: HttpRequest, type: str, value: str, *, now: datetime) -> HttpResponse:
    key = _key(request, now=now)
    if type not in TYPES:
        told = f"type is one of {', '.join(TYPES)}."
        raise Problem(400, "unknown_identifier_type", told, (FieldError("type", told),))
    purpose, asked, verbose = _purpose(request, key), _asked(request), _verbose(request)
    card = _current_card(type, value)
    if card is None:
        raise Problem(404, "not_found", "There is nobody under this name.")
    fields, barred = _narrow(asked, key)
    withheld = (*barred, *_with_activity(fields, withhold(Read(card.profile_id, purpose, fields, card.sections, now))))
    body = _body(card, fields, withheld, verbose=verbose)
    access.record(
        actor=Actor.key(key),
        action="profile.read",
        profile_ids=(card.profile_id,),
        purpose=purpose,
        fields=sorted(fields),
        now=now,
        outcome=Outcome.WITHHELD if withheld else Outcome.ALLOWED,
        withheld=[{"field": one.field, "code": one.code} for one in withheld],
        using="reads",
    )
    return _respond(request, body)


def _respond(request: HttpRequest, body: bytes) -> HttpResponse:
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    shown = request.headers.get("If-None-Match", "")
    if shown and (shown == "*" or etag in (tag.strip().removeprefix("W/") for tag in shown.split(","))):
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(body, content_type="application/json", headers=headers)


def _current_card(type: str, value: str) -> PersonCard | None:
    """Read the card; where time alone may have changed it since it was written, evaluate the person first."""
    card = find_card(type=type, value=value, using="reads")
    if card is not None and card.is_due:
        lanes.refresh(card.profile_id)
        card = find_card(type=type, value=value, using="reads")
    return card


# -- who asks, and for what -------------------------------------------------------------------------------------------
def _key(request: HttpRequest, *, now: datetime) -> KeyFacts:
    shown = shown_token(request)
    key = api_keys.authenticate(shown, now=now) if shown else None
    if key is None:
        told = "Send a key: Authorization: Bearer <key>." if not shown else "The key is unknown, revoked or expired."
        code = "not_authenticated" if not shown else "invalid_key"
        raise Problem(401, code, told, headers={"WWW-Authenticate": "Bearer"})
    if not key.may(Scope.PROFILES_READ):
        raise Problem(403, "scope_missing", f"The key lacks the scope {Scope.PROFILES_READ}.")
    return key


def _purpose(request: HttpRequest, key: KeyFacts) -> str:
    asked = request.GET.get("purpose", "")
    if asked and asked != key.purpose:
        told = "A read may only state the purpose its key was issued for."
        raise Problem(403, "purpose_not_allowed", told, (FieldError("purpose", told),))
    return key.purpose


def _asked(request: HttpRequest) -> frozenset[str]:
    given = request.GET.get("include")
    if not given:
        return _EVERYTHING
    fields = frozenset(field for field in given.split(",") if field)
    unknown = sorted(field for field in fields if field not in _EVERYTHING and not field.startswith(_TRAIT))
    if unknown:
        told = f"include takes {', '.join(PARTS)} and traits.<name>; it does not know {', '.join(unknown)}."
        raise Problem(400, "unknown_field", told, (FieldError("include", told),))
    return fields


def _verbose(request: HttpRequest) -> bool:
    return request.GET.get("verbose", "").lower() in ("true", "1")


def _narrow(asked: frozenset[str], key: KeyFacts) -> tuple[frozenset[str], tuple[Withheld, ...]]:
    """Return the fields that are both asked for and in the key's list, and tell which were asked for in vain."""
    if not key.fields:
        return asked, ()
    listed = frozenset(key.fields)
    allowed = set(asked & listed)
    allowed |= {field for field in asked if field.startswith(_TRAIT) and "traits" in listed}
    if "traits" in asked and "traits" not in listed:
        allowed |= {field for field in listed if field.startswith(_TRAIT)}
    barred = [
        field
        for field in sorted(asked - allowed)
        if field != "traits" or not any(f.startswith(_TRAIT) for f in allowed)
    ]
    return frozenset(allowed), tuple(
        Withheld(field, "The key's field list does not name it.", "field_not_allowed") for field in barred
    )


def _with_activity(fields: frozenset[str], withheld: tuple[Withheld, ...]) -> tuple[Withheld, ...]:
    """Withhold when and how often somebody was seen as well, where no personal part that was asked for may be told."""
    hidden = {one.field for one in withheld}
    if _personal(fields) - hidden and "*" not in hidden:
        return withheld
    why = next((one for one in withheld if one.field in (*_PERSONAL, "*")), None)
    return (*withheld, Withheld(ACTIVITY, why.reason, why.code)) if why else withheld


def _personal(fields: frozenset[str]) -> set[str]:
    return {field.partition(".")[0] for field in fields} & _PERSONAL


# -- what is told -----------------------------------------------------------------------------------------------------
def _body(card: PersonCard, fields: frozenset[str], withheld: tuple[Withheld, ...], *, verbose: bool) -> bytes:
    hidden = {one.field for one in withheld}
    told = [
        b'{"id":"%s","merged_into":%s'
        % (to_public(card.profile_id).encode(), encode(card.merged_into and to_public(card.merged_into)))
    ]
    profile = card.sections.parts("profile")
    for part in PARTS:
        spelled = _part(part, card, profile, fields, hidden, verbose=verbose)
        if spelled is not None:
            told.append(b',"%s":%s' % (part.encode(), spelled))
    if _personal(fields) and ACTIVITY not in hidden:  # a read of consent alone was not judged by any gate
        told.append(
            b',"first_seen_at":%s,"last_seen_at":%s,"event_count":%d'
            % (encode(card.first_seen_at), encode(card.last_seen_at), card.event_count)
        )
    reasons = [{"field": one.field, "code": one.code, "reason": one.reason} for one in withheld]
    told.append(b',"as_of":%s,"withheld":%s}' % (encode(card.evaluated_at), encode(reasons)))
    return b"".join(told)


def _part(
    part: str, card: PersonCard, profile: Mapping[str, Any], fields: frozenset[str], hidden: set[str], *, verbose: bool
) -> bytes | None:
    if "*" in hidden or part in hidden:
        return None
    if part == "traits":
        return _traits(card, profile, fields, hidden, verbose=verbose)
    if part not in fields:
        return None
    if part == "identifiers":
        return bytes(profile.get("identifiers", _EMPTY[part]))
    return _section(card.sections, part)


def _section(sections: Sections, part: str) -> bytes:
    body = sections.raw(part)
    return _EMPTY[part] if body is None else body.encode()


def _traits(
    card: PersonCard, profile: Mapping[str, Any], fields: frozenset[str], hidden: set[str], *, verbose: bool
) -> bytes | None:
    """Return the traits asked for; nothing is decoded unless something has to be left out."""
    single = {field.removeprefix(_TRAIT) for field in fields if field.startswith(_TRAIT)}
    if "traits" not in fields and not single:
        return None
    body = bytes(profile.get("traits", b"{}")) if verbose else card.traits.encode()
    hidden_traits = {field.removeprefix(_TRAIT) for field in hidden if field.startswith(_TRAIT)}
    if "traits" in fields and not hidden_traits:
        return body
    kept = {
        name: value
        for name, value in Sections({"traits": body.decode()}).parts("traits").items()
        if name not in hidden_traits and ("traits" in fields or name in single)
    }
    return encode(kept)


# -- what the OpenAPI document says -----------------------------------------------------------------------------------
class IdentifierSerializer(serializers.Serializer):
    type = serializers.ChoiceField(IdentifierType.choices)
    value = serializers.CharField()
    first_seen_at = serializers.DateTimeField()


class WithheldSerializer(serializers.Serializer):
    field = serializers.CharField(
        help_text='"traits.<name>", a whole part such as "segments", or "*"; "activity" is first_seen_at,'
        " last_seen_at and event_count."
    )
    code = serializers.CharField()
    reason = serializers.CharField()


class ProfileSerializer(serializers.Serializer):
    id = serializers.CharField()
    merged_into = serializers.CharField(allow_null=True, help_text="Set when an id was asked for that was merged away.")
    identifiers = IdentifierSerializer(many=True, required=False)
    traits = serializers.DictField(
        required=False,
        help_text="Values by name; with verbose=true an object each: value, source, observed_at, applied_at, method,"
        " confidence.",
    )
    segments = serializers.ListField(child=serializers.DictField(), required=False)
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
            OpenApiParameter("type", str, OpenApiParameter.PATH, enum=TYPES),
            OpenApiParameter("value", str, OpenApiParameter.PATH),
            OpenApiParameter("purpose", str, description="May only repeat the purpose of the key."),
            OpenApiParameter("include", str, description="identifiers, traits, traits.<name>, segments, consent"),
            OpenApiParameter("verbose", bool, description="Tell every trait with its source, times and confidence."),
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER),
        ],
        responses={200: ProfileSerializer, 304: None, **problems(400, 401, 403, 404, 503)},
    )
    def get(self, request: Request, type: str, value: str) -> Response:
        """Read a person."""
        raise NotImplementedError


read_profile.cls = Described  # type: ignore[attr-defined]
read_profile.initkwargs = {}  # type: ignore[attr-defined]
