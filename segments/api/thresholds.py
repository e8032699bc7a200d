"""/v1/segments/{key}/thresholds: which snapshots a rule goes by, and the decision on one that moved too far."""

from typing import Any

from django.http import Http404
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
from cdp.governance.api import CommentSerializer, as_problem
from cdp.governance.errors import GovernanceError
from cdp.models import Scope
from cdp.roles import Role
from segments.api.segments import segment_or_404
from segments.models import Outcome, ThresholdDecision
from segments.thresholds import deciding

_SHOWN = 100
_ID = OpenApiParameter("id", OpenApiTypes.INT, OpenApiParameter.PATH)


class SnapshotSerializer(serializers.Serializer):
    measure = serializers.CharField(help_text="What is measured of each person.")
    statistic = serializers.CharField()
    amount = serializers.DecimalField(38, 9)
    over = serializers.CharField(source="over.key", allow_null=True, default=None, help_text="null: everybody.")
    over_version = serializers.IntegerField(source="over_version.number", allow_null=True, default=None)
    value = serializers.DecimalField(38, 9, allow_null=True, help_text="null: too few people.")
    people = serializers.IntegerField()
    mean = serializers.DecimalField(38, 9, allow_null=True)
    deviation = serializers.DecimalField(38, 9, allow_null=True)
    taken_at = serializers.DateTimeField()


class ThresholdDecisionSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    path = serializers.CharField(help_text="Where in the rule the threshold stands.")
    version = serializers.IntegerField(source="version.number")
    snapshot = SnapshotSerializer()
    outcome = serializers.ChoiceField(choices=Outcome.choices)
    moved = serializers.DecimalField(38, 9, allow_null=True, help_text="As a share of the value in force then.")
    decided_by = serializers.CharField(source="decided_by.username", allow_null=True, default=None)
    comment = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()


class ThresholdsView(APIView):
    authentication_classes = ANYBODY
    permission_classes = (key_with(Scope.SEGMENTS_READ, *Role),)

    @extend_schema(
        operation_id="segments_thresholds",
        responses={200: ThresholdDecisionSerializer(many=True), **problems(401, 403, 404)},
    )
    def get(self, request: Request, key: str) -> Response:
        """Tell what became of the snapshots of a segment's thresholds: the latest, newest first."""
        rows = decisions().filter(version__head=segment_or_404(key)).order_by("-id")[:_SHOWN]
        return Response(ThresholdDecisionSerializer(rows, many=True).data)


class _DecideView(APIView):
    authentication_classes = ANYBODY
    permission_classes = (person_with(Role.APPROVER),)
    parser_classes = (StrictJSONParser,)

    def handle_exception(self, error: Exception) -> Any:
        return super().handle_exception(as_problem(error) if isinstance(error, GovernanceError) else error)

    def _decided(self, request: Request, verb: Any, key: str, id: int) -> Response:
        given = CommentSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked = decisions().filter(version__head=segment_or_404(key), pk=id).first()
        if asked is None:
            raise Http404
        verb(decision=asked, comment=given.validated_data["comment"], by=request.user, now=timezone.now())
        latest = decisions().filter(version=asked.version_id, path=asked.path).latest("id")
        return Response(ThresholdDecisionSerializer(latest).data)


class AcceptThresholdView(_DecideView):
    @extend_schema(
        operation_id="segments_threshold_accept",
        parameters=[_ID],
        request=CommentSerializer,
        responses={200: ThresholdDecisionSerializer, **problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, key: str, id: int) -> Response:
        """Let a snapshot in that moved further than the author's band; not for the rule's authors."""
        return self._decided(request, deciding.accept, key, id)


class RefuseThresholdView(_DecideView):
    @extend_schema(
        operation_id="segments_threshold_refuse",
        parameters=[_ID],
        request=CommentSerializer,
        responses={200: ThresholdDecisionSerializer, **problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, key: str, id: int) -> Response:
        """Stay with the value in force; not for the rule's authors."""
        return self._decided(request, deciding.refuse, key, id)


def decisions() -> Any:
    """Decisions on snapshots with all that is told of them."""
    return ThresholdDecision.objects.select_related(
        "version__head", "snapshot__over", "snapshot__over_version", "decided_by"
    )
