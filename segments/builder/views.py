"""What the builder's page asks while somebody writes: for authors, with the admin's session, answers as problem+json.

None of it is for programs, so it stands under /admin/ and not in the OpenAPI document: programs have
/v1/governance/segments.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp.api.authentication import PersonSessionAuthentication
from cdp.api.parsers import StrictJSONParser
from cdp.api.permissions import person_with
from cdp.governance.errors import ContentInvalid
from cdp.ids import to_public
from cdp.problems import FieldError, Problem
from cdp.roles import Role
from segments.builder import eligibility, looks, suggestions
from segments.builder.bounds import TookTooLong
from segments.builder.looks import Look
from segments.catalogue import load_catalogue
from segments.content import review_content, rule_of, told
from segments.models import Segment
from segments.preview import Figure
from segments.rules.vocabulary import Catalogue


class _BuilderView(APIView):
    """For authors; what is wrong with a rule is an answer of its own, what is wrong with a question a problem."""

    authentication_classes = (PersonSessionAuthentication,)
    permission_classes = (person_with(Role.AUTHOR),)
    parser_classes = (StrictJSONParser,)

    def handle_exception(self, error: Exception) -> Any:
        match error:
            case ContentInvalid():
                error = Problem(422, "invalid_rule", error.message, error.errors)
            case TookTooLong():
                message = (
                    "This takes longer than somebody waits: narrow the rule, or submit it and have it counted then."
                )
                error = Problem(422, "took_too_long", message, (FieldError("rule", message),))
        return super().handle_exception(error)


@extend_schema(exclude=True)
class ReadingView(_BuilderView):
    """A content in words, or what is wrong with it and where."""

    def post(self, request: Request, head_id: int) -> Response:
        get_object_or_404(Segment, pk=head_id)
        content = _given(request, "content")
        try:
            found = review_content(content, catalogue=load_catalogue())
        except ContentInvalid as refused:
            return Response({"sentence": None, "problems": list(_problems(refused)), "warnings": []})
        warnings = [{"code": one.code, "message": one.message} for one in found.findings.warnings]
        return Response({"sentence": told(content), "problems": [], "warnings": warnings})


@extend_schema(exclude=True)
class PreviewView(_BuilderView):
    """Whom a rule would find: about, or exactly where that is asked for."""

    def post(self, request: Request, head_id: int) -> Response:
        segment = get_object_or_404(Segment.objects.select_related("live_version"), pk=head_id)
        rule, catalogue = _rule(request)
        body: Any = request.data
        look = looks.exactly if body.get("exact") is True else looks.about
        seen = look(rule=rule, segment=segment, catalogue=catalogue, by=_person(request), now=timezone.now())
        return Response(_as_json(seen))


@extend_schema(exclude=True)
class CostsView(_BuilderView):
    """What each part of a rule costs, how often time brings it back, what it reads."""

    def post(self, request: Request, head_id: int) -> Response:
        get_object_or_404(Segment, pk=head_id)
        rule, catalogue = _rule(request)
        found = eligibility.report(rule=rule, catalogue=catalogue, now=timezone.now())
        leaves = [
            {
                "path": leaf.path,
                "sentence": leaf.sentence,
                "milliseconds": leaf.milliseconds,
                "grade": leaf.grade,
                "rechecks": leaf.rechecks,
                "reads": list(leaf.reads),
            }
            for leaf in found.leaves
        ]
        return Response({"people": found.people, "summary": found.summary, "leaves": leaves})


@extend_schema(exclude=True)
class ValuesView(_BuilderView):
    """The commonest values of `?trait=`, or of `?event=` and `&property=`; `&q=` is what has been typed."""

    def get(self, request: Request) -> Response:
        asked = {name: request.query_params.get(name, "") for name in ("trait", "event", "property", "q")}
        if wrong := next((name for name, text in asked.items() if "\x00" in text or len(text) > 1_000), None):
            message = "This cannot be the name or the value of anything."
            raise Problem(400, "invalid", message, (FieldError(wrong, message),))
        if asked["trait"]:
            found = suggestions.of_trait(name=asked["trait"], begun=asked["q"])
        elif asked["event"] and asked["property"]:
            found = suggestions.of_property(event=asked["event"], name=asked["property"], begun=asked["q"])
        else:
            message = 'Name a "trait", or an "event" and its "property".'
            raise Problem(400, "invalid", message, (FieldError("trait", message),))
        values = [{"value": one.value, "share": one.share} for one in found.values]
        return Response({"values": values, "withheld": found.withheld})


def patterns() -> list[URLPattern]:
    """The page's addresses, below the segments' own."""
    return [
        path("builder/values/", ValuesView.as_view(), name="segments_builder_values"),
        path("builder/<int:head_id>/reading/", ReadingView.as_view(), name="segments_builder_reading"),
        path("builder/<int:head_id>/preview/", PreviewView.as_view(), name="segments_builder_preview"),
        path("builder/<int:head_id>/costs/", CostsView.as_view(), name="segments_builder_costs"),
    ]


def _person(request: Request) -> Any:
    return request.user  # an author: the views let nobody else through


def _given(request: Request, name: str) -> Any:
    if not isinstance(request.data, dict) or name not in request.data:
        message = f'Send an object with "{name}".'
        raise Problem(400, "invalid", message, (FieldError(name, message),))
    return request.data[name]


def _rule(request: Request) -> tuple[Any, Catalogue]:
    """The rule that was sent, checked. Raises ContentInvalid."""
    content, catalogue = {"rule": _given(request, "rule")}, load_catalogue()
    review_content(content, catalogue=catalogue)
    return rule_of(content), catalogue


def _problems(refused: ContentInvalid) -> Iterator[Mapping[str, str]]:
    """The problems with the paths of the rule itself, which begin with $; others keep their field's name."""
    for error in refused.errors:
        is_rule = error.field == "rule" or error.field.startswith(("rule.", "rule["))
        yield {"path": "$" + error.field.removeprefix("rule") if is_rule else error.field, "message": error.detail}


def _as_json(seen: Look) -> dict[str, Any]:
    return {
        "people": seen.people,
        "sampled": seen.sampled,
        "is_exact": seen.is_exact,
        "members": seen.members,
        "live_version": seen.live_version,
        "size": _figure(seen.size),
        "entering": _figure(seen.entering),
        "leaving": _figure(seen.leaving),
        "unchanged": _figure(seen.unchanged),
        "seconds": seen.seconds,
        "sample": [
            {
                "id": to_public(one.profile_id),
                "name": one.name,
                "address": reverse("admin:profiles_profile_change", args=[one.profile_id]),
                "seen_at": one.seen_at,
            }
            for one in seen.shown
        ],
    }


def _figure(figure: Figure) -> dict[str, int]:
    return {"value": figure.value, "low": figure.low, "high": figure.high}
