"""/v1/funnels: kept funnels and their reports."""

from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp.api.authentication import ANYBODY
from cdp.api.parsers import StrictJSONParser
from cdp.api.permissions import key_with, person_with
from cdp.api.schema import problems
from cdp.models import Scope
from cdp.problems import FieldError, Problem
from cdp.roles import Role
from segments.funnels import report, saved
from segments.funnels.definition import FunnelInvalid
from segments.funnels.report import ReportRefused
from segments.models import Funnel

_READERS = key_with(Scope.SEGMENTS_READ, *Role)
_WRITERS = person_with(Role.AUTHOR, Role.ADMINISTRATOR)
_HISTORY = 100


class FunnelSerializer(serializers.Serializer):
    key = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=200)
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=5000)
    definition = serializers.DictField(
        help_text='{"steps": [{"event": …, "where": …}, …], "within": "7d", "order": "any" or "strict"}'
    )
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("key", "name", "description"):
            if "\x00" in attrs.get(name, ""):
                raise serializers.ValidationError({name: "This text holds a character that cannot be stored."})
        return attrs


class FunnelChangeSerializer(FunnelSerializer):
    key = None  # type: ignore[assignment]


class FunnelStepSerializer(serializers.Serializer):
    event = serializers.CharField()
    people = serializers.IntegerField(allow_null=True, help_text="null: withheld, because it is about too few.")
    lost = serializers.IntegerField(allow_null=True, help_text="Who came to the step before and not to this one.")
    of_first = serializers.FloatField(allow_null=True, help_text="Share of those who entered.")
    of_previous = serializers.FloatField(allow_null=True)
    median_seconds = serializers.FloatField(allow_null=True, help_text="From the step before to this one.")


class FunnelGroupSerializer(serializers.Serializer):
    label = serializers.CharField(  # type: ignore[assignment]
        allow_null=True, help_text="null: not known, or what is left where `is_rest`."
    )
    is_rest = serializers.BooleanField(help_text="What is left beside the largest groups.")
    entered = serializers.IntegerField(allow_null=True)
    converted = serializers.IntegerField(allow_null=True)
    rate = serializers.FloatField(allow_null=True)
    median_seconds = serializers.FloatField(allow_null=True, help_text="From the first step to the last.")
    steps = FunnelStepSerializer(many=True)


class FunnelReportSerializer(serializers.Serializer):
    start = serializers.DateTimeField(source="period.start")
    end = serializers.DateTimeField(source="period.end")
    as_of = serializers.DateTimeField(help_text="Events up to this moment count.")
    smallest = serializers.IntegerField(help_text="Counts of people below this are withheld.")
    total = FunnelGroupSerializer()
    groups = FunnelGroupSerializer(many=True)


class FunnelChangedSerializer(serializers.Serializer):
    at = serializers.DateTimeField(source="history_date")
    by = serializers.CharField(source="history_user", allow_null=True)
    change = serializers.CharField(source="get_history_type_display")
    name = serializers.CharField()
    definition = serializers.DictField()


class _FunnelView(APIView):
    authentication_classes = ANYBODY
    parser_classes = (StrictJSONParser,)

    def get_permissions(self) -> list[BasePermission]:
        return [_READERS()] if self.request.method in ("GET", "HEAD", "OPTIONS") else [_WRITERS()]

    def handle_exception(self, error: Exception) -> Any:
        match error:
            case FunnelInvalid():
                errors = tuple(FieldError(_field(one.path), one.message) for one in error.problems)
                error = Problem(422, "invalid_funnel", error.problems[0].message, errors)
            case ReportRefused():
                error = Problem(422, error.code, error.message, (FieldError(error.field, error.message),))
            case saved.KeyTaken():
                told = "There is a funnel under this key already."
                error = Problem(409, "key_taken", told, (FieldError("key", told),))
        return super().handle_exception(error)


class FunnelsView(_FunnelView):
    @extend_schema(operation_id="funnels_list", responses={200: FunnelSerializer(many=True), **problems(401, 403)})
    def get(self, request: Request) -> Response:
        """List the funnels that are kept."""
        return Response(FunnelSerializer(Funnel.objects.order_by("key")[: saved.MOST], many=True).data)

    @extend_schema(
        operation_id="funnels_create",
        request=FunnelSerializer,
        responses={201: FunnelSerializer, **problems(400, 401, 403, 409, 413, 415, 422)},
    )
    def post(self, request: Request) -> Response:
        """Keep a funnel under a key."""
        given = _given(FunnelSerializer, request)
        document = given.pop("definition")
        made = saved.create(**given, document=document, by=_person(request), now=timezone.now())
        return Response(FunnelSerializer(made).data, status=201, headers={"Location": f"/v1/funnels/{made.key}"})


class FunnelView(_FunnelView):
    @extend_schema(operation_id="funnels_read", responses={200: FunnelSerializer, **problems(401, 403, 404)})
    def get(self, request: Request, key: str) -> Response:
        """Read one funnel."""
        return Response(FunnelSerializer(_funnel(key)).data)

    @extend_schema(
        operation_id="funnels_change",
        request=FunnelChangeSerializer,
        responses={200: FunnelSerializer, **problems(400, 401, 403, 404, 413, 415, 422)},
    )
    def put(self, request: Request, key: str) -> Response:
        """Change a funnel; what it said before stays in its history."""
        funnel, given = _funnel(key), _given(FunnelChangeSerializer, request)
        document = given.pop("definition")
        changed = saved.change(funnel=funnel, **given, document=document, by=_person(request), now=timezone.now())
        return Response(FunnelSerializer(changed).data)

    @extend_schema(operation_id="funnels_remove", responses={204: None, **problems(401, 403, 404)})
    def delete(self, request: Request, key: str) -> Response:
        """Remove a funnel; its history stays."""
        saved.remove(funnel=_funnel(key), by=_person(request), now=timezone.now())
        return Response(status=204)


class FunnelHistoryView(_FunnelView):
    @extend_schema(
        operation_id="funnels_history", responses={200: FunnelChangedSerializer(many=True), **problems(401, 403, 404)}
    )
    def get(self, request: Request, key: str) -> Response:
        """Tell who changed a funnel and what it said then, newest first."""
        found: Any = _funnel(key)
        changes = found.history.select_related("history_user").order_by("-history_date", "-history_id")[:_HISTORY]
        return Response(FunnelChangedSerializer(changes, many=True).data)


class FunnelReportView(_FunnelView):
    @extend_schema(
        operation_id="funnels_report",
        parameters=[
            OpenApiParameter("from", OpenApiTypes.DATETIME, description="Entries at or after; 30 days before `to`."),
            OpenApiParameter("to", OpenApiTypes.DATETIME, description="Entries before; now when left out."),
            OpenApiParameter(
                "split", str, description="property:<name>, segment:<key> (now) or segment_at_entry:<key>."
            ),
        ],
        responses={200: FunnelReportSerializer, **problems(400, 401, 403, 404, 422)},
    )
    def get(self, request: Request, key: str) -> Response:
        """Count how many people reached each step, where they stopped, and how long they took."""
        funnel, now = _funnel(key), timezone.now()
        period = report.period(start=_time(request, "from"), end=_time(request, "to"), now=now)
        split = request.query_params.get("split", "")
        told = report.ask(document=funnel.definition, period=period, split=split, now=now)
        return Response(FunnelReportSerializer(told).data)


def _given(serializer: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    given = serializer(data=request.data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def _time(request: Request, name: str) -> Any:
    raw = request.query_params.get(name)
    if not raw:
        return None
    try:
        return serializers.DateTimeField().run_validation(raw)
    except (serializers.ValidationError, OverflowError):
        told = f"{name} is a date and time in ISO-8601."
        raise Problem(400, "invalid", told, (FieldError(name, told),)) from None


def _funnel(key: str) -> Funnel:
    found = Funnel.objects.filter(key=key).first()
    if found is None:
        raise Http404
    return found


def _field(path: str) -> str:
    own = ("definition", "key", "name", "description")
    return path if path in own else f"definition.{path}"


def _person(request: Request) -> Any:
    return request.user  # no stranger and no key: every view that writes demands a person
