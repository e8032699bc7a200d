"""What did not follow its plan: counted, handed out as events, and the blocked events sent through again."""

from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp.api.authentication import ANYBODY
from cdp.api.parsers import StrictJSONParser
from cdp.api.permissions import key_with, person_with
from cdp.api.schema import problems
from cdp.models import Scope, User
from cdp.problems import FieldError, Problem
from cdp.roles import Role
from profiles.ingest import rejections
from profiles.models import Source, ViolationCount
from profiles.plans import violations
from profiles.plans.findings import Consequence, ViolationType

_MOST = 1_000
_ASKED = [
    OpenApiParameter("source", OpenApiTypes.STR, description="The key of a source."),
    OpenApiParameter("event", OpenApiTypes.STR, description="The name of an event."),
    OpenApiParameter("type", enum=[kind.value for kind in ViolationType], description="What is wrong."),
    OpenApiParameter("since", OpenApiTypes.DATE, description="The first day."),
    OpenApiParameter("until", OpenApiTypes.DATE, description="The last day."),
]


class ViolationSerializer(serializers.Serializer):
    day = serializers.DateField()
    source = serializers.CharField(source="source.key")  # type: ignore[assignment]
    plan = serializers.CharField(source="plan_version.head.key")
    plan_version = serializers.IntegerField(source="plan_version.number")
    call = serializers.CharField(source="kind")
    event = serializers.CharField()
    field = serializers.CharField()
    type = serializers.ChoiceField(choices=[kind.value for kind in ViolationType])
    consequence = serializers.ChoiceField(choices=[became.value for became in Consequence])
    description = serializers.CharField()
    count = serializers.IntegerField()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()
    message_ids = serializers.ListField(child=serializers.CharField(), help_text="The latest few.")


class ViolationsSerializer(serializers.Serializer):
    violations = ViolationSerializer(many=True)
    more = serializers.BooleanField(help_text="There are more than were asked for: narrow the days or the source.")


class ReplaySerializer(serializers.Serializer):
    source = serializers.CharField(max_length=100, help_text="The key of the source.")  # type: ignore[assignment]
    code = serializers.CharField(max_length=64, help_text="Why they were refused, such as schema_violation.")
    event = serializers.CharField(
        max_length=200, required=False, allow_null=True, default=None, help_text="One event's name; all when left out."
    )


class ReplayedSerializer(serializers.Serializer):
    events = serializers.IntegerField(help_text="How many went through again.")
    left = serializers.IntegerField(help_text="How many wait still: ask again.")


class _ViolationsView(APIView):
    authentication_classes = ANYBODY
    permission_classes = (key_with(Scope.METRICS_READ, *Role),)


class ViolationsView(_ViolationsView):
    @extend_schema(
        operation_id="violations",
        parameters=[*_ASKED, OpenApiParameter("limit", OpenApiTypes.INT, description=f"At most, 1 to {_MOST}; 100.")],
        responses={200: ViolationsSerializer, **problems(400, 401, 403)},
    )
    def get(self, request: Request) -> Response:
        """List the violations by day, the latest day and the most frequent first."""
        limit = _limit(request.query_params.get("limit", "100"))
        found = list(_counted(request)[: limit + 1])
        told = {"violations": found[:limit], "more": len(found) > limit}
        return Response(ViolationsSerializer(told).data)


class ViolationsExportView(_ViolationsView):
    @extend_schema(
        operation_id="violations_export",
        parameters=_ASKED,
        responses={(200, "application/x-ndjson"): OpenApiTypes.STR, **problems(400, 401, 403)},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Hand out each count as a line of JSON, in the shape of Segment's Violation Generated event."""
        return StreamingHttpResponse(violations.lines(_counted(request)), content_type="application/x-ndjson")


class ReplayView(APIView):
    authentication_classes = ANYBODY
    parser_classes = (StrictJSONParser,)
    permission_classes = (person_with(Role.AUTHOR, Role.ADMINISTRATOR),)

    @extend_schema(
        operation_id="rejected_events_replay",
        request=ReplaySerializer,
        responses={200: ReplayedSerializer, **problems(400, 401, 403)},
    )
    def post(self, request: Request) -> Response:
        """Send refused events of one source and one reason through again, each as received when it first was."""
        wanted = ReplaySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = wanted.validated_data
        source = Source.objects.filter(key=given["source"]).first()
        if source is None:
            raise _invalid("source", "There is no source of this key.")
        assert isinstance(request.user, User)
        done = rejections.replay_all(
            source=source, code=given["code"], event=given["event"], by=request.user, now=timezone.now()
        )
        return Response(ReplayedSerializer(done).data)


def _counted(request: Request) -> QuerySet[ViolationCount]:
    asked = request.query_params
    kind = asked.get("type")
    if kind is not None and kind not in list(ViolationType):
        raise _invalid("type", f"Write one of {', '.join(ViolationType)}.")
    named: dict[str, Any] = {name: _text(name, asked[name]) for name in ("source", "event") if name in asked}
    days: dict[str, Any] = {name: _day(name, asked[name]) for name in ("since", "until") if name in asked}
    return violations.counted(type=kind, **named, **days)


def _text(name: str, given: str) -> str:
    if "\x00" in given:
        raise _invalid(name, "No name holds a NUL character.")
    return given


def _day(name: str, given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise _invalid(name, "Write a day such as 2026-03-01.") from None


def _limit(given: str) -> int:
    if given.isascii() and given.isdigit() and len(given) < 5 and 1 <= int(given) <= _MOST:
        return int(given)
    raise _invalid("limit", f"Write a number from 1 to {_MOST}.")


def _invalid(field: str, told: str) -> Problem:
    return Problem(400, "invalid", f"{field}: {told}", (FieldError(field, told),))
