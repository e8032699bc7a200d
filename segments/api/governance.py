"""/v1/governance/segments: the verbs of the lifecycle, and what a rule would do before anybody asks for it."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from cdp import access
from cdp.access import Actor
from cdp.api.permissions import person_with
from cdp.api.schema import problems
from cdp.governance.api import GovernedViewSet, NewContentSerializer
from cdp.governance.content import content_hash
from cdp.ids import from_public
from cdp.roles import Role
from segments import publishing


class WarningSerializer(serializers.Serializer):
    code = serializers.CharField(help_text='What to list in "acknowledged" when it is meant.')
    path = serializers.CharField()
    message = serializers.CharField()


class PreviewSerializer(serializers.Serializer):
    """Counts over everybody, against the current members; samples of at most five."""

    sentence = serializers.CharField()
    as_of = serializers.DateTimeField()
    people = serializers.IntegerField()
    size = serializers.IntegerField(help_text="Who would be in.")
    entering = serializers.IntegerField()
    leaving = serializers.IntegerField()
    unchanged = serializers.IntegerField(help_text="Who is in and would stay.")
    entering_sample = serializers.ListField(child=serializers.CharField())
    leaving_sample = serializers.ListField(child=serializers.CharField())
    sample = serializers.ListField(child=serializers.CharField())
    warnings = WarningSerializer(many=True)


_PREVIEWED = {200: PreviewSerializer, **problems(400, 401, 403, 404, 422)}

# Counts and samples answer any question about people, so whoever has no rule to write or decide does not ask.
_PREVIEWERS = (person_with(Role.AUTHOR, Role.APPROVER),)
_SAMPLES = ("entering_sample", "leaving_sample", "sample")


class SegmentGovernance(GovernedViewSet):
    governed = publishing.SEGMENTS

    @extend_schema(request=NewContentSerializer, responses=_PREVIEWED)
    @action(
        detail=True, methods=["post"], url_path="preview", url_name="preview", permission_classes=_PREVIEWERS
    )
    def preview_content(self, request: Request, key: str) -> Response:
        """Count what a content would do if it replaced the live version now. Nothing is stored."""
        return self._previewed(self._given(NewContentSerializer)["content"], head=self._head(key))

    @extend_schema(
        request=None,
        responses=_PREVIEWED,
        parameters=[OpenApiParameter("number", OpenApiTypes.INT, OpenApiParameter.PATH)],
    )
    @action(
        detail=True,
        methods=["post"],
        url_path=r"versions/(?P<number>[0-9]{1,9})/preview",
        url_name="version-preview",
        permission_classes=_PREVIEWERS,
    )
    def preview_version(self, request: Request, key: str, number: str) -> Response:
        """Count what a stored version would do if it went live now."""
        return self._previewed(self._version(key, number).content, head=self._head(key))

    @transaction.atomic
    def _previewed(self, content: Any, *, head: Any) -> Response:
        now = timezone.now()
        seen = publishing.preview_content(content=content, segment_id=head.pk, now=now)
        access.record(
            actor=Actor.person(self._person),
            action="segment.preview",
            profile_ids=sorted({found for sample in _SAMPLES for one in seen[sample] if (found := from_public(one))}),
            purpose="administration",
            fields=["segments"],
            now=now,
            basis={"segment": head.key, "content_hash": content_hash(content)},
        )
        return Response(PreviewSerializer(seen).data)
