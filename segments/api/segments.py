"""/v1/segments: what is live, how many are in it, and who."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp.api.authentication import ANYBODY
from cdp.api.permissions import key_with
from cdp.api.schema import problems
from cdp.models import Scope
from cdp.roles import Role
from segments import queries
from segments.freshness import Freshness
from segments.models import Segment

_READERS = (key_with(Scope.SEGMENTS_READ, *Role),)


class SummarySerializer(serializers.Serializer):
    key = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    status = serializers.ChoiceField(choices=[status.value for status in queries.Status])
    version = serializers.IntegerField(allow_null=True, help_text="The live version.")
    sentence = serializers.CharField(help_text="The live rule in English.")
    size = serializers.IntegerField(help_text="Members now. Counted up to 5,000; a larger figure is an estimate.")
    published_at = serializers.DateTimeField(allow_null=True)
    ready_at = serializers.DateTimeField(allow_null=True)
    freshness = serializers.ChoiceField(
        choices=[state.value for state in Freshness],
        help_text="ready: everybody was judged by the live version; backfilling; stale: the backfill was called off, or"
        " the rule cannot be run any more, and who was not reached stays as the version before left them.",
    )


class SegmentsView(APIView):
    authentication_classes = ANYBODY
    permission_classes = _READERS

    @extend_schema(operation_id="segments_list", responses={200: SummarySerializer(many=True), **problems(401, 403)})
    def get(self, request: Request) -> Response:
        """List the segments with their live rule, their size and how far they have come."""
        return Response(SummarySerializer(queries.summaries(_segments().order_by("key")), many=True).data)


class SegmentView(APIView):
    authentication_classes = ANYBODY
    permission_classes = _READERS

    @extend_schema(operation_id="segments_read", responses={200: SummarySerializer, **problems(401, 403, 404)})
    def get(self, request: Request, key: str) -> Response:
        """Read one segment."""
        (summary,) = queries.summaries([segment_or_404(key)])
        return Response(SummarySerializer(summary).data)


def _segments() -> Any:
    return Segment.objects.select_related("live_version")


def segment_or_404(key: str) -> Segment:
    segment: Segment | None = _segments().filter(key=key).first()
    if segment is None:
        raise Http404
    return segment
