"""Tracking plans over REST: the lifecycle's verbs; learning, import and export."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.api.schema import problems
from cdp.governance.api import GovernedViewSet, VersionSerializer
from cdp.problems import FieldError, Problem
from profiles.models import Source, TrackingPlanVersion
from profiles.plans import exchange, tracking_plans
from profiles.plans.exchange import Form
from profiles.plans.learning import Habits
from profiles.plans.tracking_plans import TRACKING_PLANS

_VERSION = r"versions/(?P<number>[0-9]{1,9})"
_REFUSALS = problems(400, 401, 403, 404, 422)


class PlanLearnSerializer(serializers.Serializer):
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=100, help_text="The key of the source whose latest events are looked at."
    )
    required_share = serializers.FloatField(
        min_value=0.01,
        max_value=1,
        default=1.0,
        help_text="A property present in at least this share of an event's occurrences becomes required.",
    )


class PlanImportSerializer(serializers.Serializer):
    document = serializers.JSONField(
        help_text="Segment's rules (the answer of its Public API, or the bare list), or a list of Iglu's "
        "self-describing schemas."
    )


class PlanGovernance(GovernedViewSet):
    governed = TRACKING_PLANS

    @extend_schema(request=PlanLearnSerializer, responses={201: VersionSerializer, **_REFUSALS})
    @action(detail=True, methods=["post"], url_path="learn", url_name="learn")
    def learn(self, request: Request, key: str) -> Response:
        """Draft a version from what a source sent: names, types, what is always there, values many people share."""
        given = self._given(PlanLearnSerializer)
        source = Source.objects.filter(key=given["source"]).first()
        if source is None:
            told = "There is no source of this key."
            raise Problem(400, "invalid", f"source: {told}", (FieldError("source", told),))
        version = tracking_plans.learn(
            head=self._head(key),
            source=source,
            habits=Habits(required_share=given["required_share"]),
            by=self._person,
            now=timezone.now(),
        )
        return self._version_answer(key, version.number, status=201)

    @extend_schema(request=PlanImportSerializer, responses={201: VersionSerializer, **_REFUSALS})
    @action(detail=True, methods=["post"], url_path="import", url_name="import")
    def take_in(self, request: Request, key: str) -> Response:
        """Draft a version from a plan of Segment's or of Iglu's form; which of them it is, is told by what it holds."""
        document = self._given(PlanImportSerializer)["document"]
        version = tracking_plans.take_in(head=self._head(key), document=document, by=self._person, now=timezone.now())
        return self._version_answer(key, version.number, status=201)

    @extend_schema(
        responses={
            (200, "application/json"): OpenApiTypes.OBJECT,
            (200, "application/zip"): OpenApiTypes.BINARY,
            **problems(400, 401, 403, 404),
        },
        parameters=[
            OpenApiParameter("number", OpenApiTypes.INT, OpenApiParameter.PATH),
            OpenApiParameter("form", enum=Form.values, description="The form to hand it out in; segment."),
        ],
    )
    @action(detail=True, methods=["get"], url_path=f"{_VERSION}/export", url_name="export")
    def export(self, request: Request, key: str, number: str) -> HttpResponse:
        """Hand out one version: Segment's page of rules, Iglu's list of schemas, or an Iglu registry as a zip."""
        form = request.query_params.get("form", Form.SEGMENT.value)
        if form not in Form.values:
            told = f"Write one of {', '.join(Form.values)}."
            raise Problem(400, "invalid", f"form: {told}", (FieldError("form", told),))
        version: Any = self._version(key, number)
        assert isinstance(version, TrackingPlanVersion)
        told_as = exchange.told(version, Form(form))
        answer = HttpResponse(told_as.body, content_type=told_as.content_type)
        answer["Content-Disposition"] = f'attachment; filename="{told_as.filename}"'
        return answer
