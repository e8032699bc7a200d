"""/v1/segments/{key}/backfill: how far the live version's backfill has come; call it off, take it up again."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp.api.authentication import ANYBODY
from cdp.api.permissions import key_with, person_with
from cdp.api.schema import problems
from cdp.models import Scope
from cdp.problems import Problem
from cdp.roles import Role
from segments import backfill_control
from segments.api.segments import segment_or_404
from segments.backfill_control import BackfillError, NotAllowed
from segments.freshness import Freshness


class BackfillSerializer(serializers.Serializer):
    status = serializers.ChoiceField(
        choices=[state.value for state in Freshness],
        help_text="ready: everybody was judged by the live version; backfilling: who was not reached yet stands as the"
        " version before left them; stale: called off, or the rule cannot be run any more.",
    )
    epoch = serializers.IntegerField()
    version = serializers.IntegerField(allow_null=True, help_text="null: the segment is retired, members are let go.")
    people = serializers.IntegerField(allow_null=True, help_text="How many there are to judge; null until it begins.")
    judged = serializers.IntegerField()
    percent = serializers.IntegerField()
    started_at = serializers.DateTimeField(allow_null=True)
    per_second = serializers.FloatField(allow_null=True, help_text="People judged a second since it began.")
    expected_at = serializers.DateTimeField(allow_null=True, help_text="When it ends at this rate.")
    ready_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    cancelled_by = serializers.CharField(allow_null=True)


class BackfillView(APIView):
    authentication_classes = ANYBODY
    permission_classes = (key_with(Scope.SEGMENTS_READ, *Role),)

    @extend_schema(operation_id="segments_backfill", responses={200: BackfillSerializer, **problems(401, 403, 404)})
    def get(self, request: Request, key: str) -> Response:
        """Tell how far it has come."""
        return _told(key)


_ANSWERS = {200: BackfillSerializer, **problems(401, 403, 404, 409)}


class _VerbView(APIView):
    """A person decides it; no program."""

    authentication_classes = ANYBODY
    permission_classes = (person_with(*backfill_control.DECIDERS),)

    def handle_exception(self, error: Exception) -> Any:
        if isinstance(error, BackfillError):
            error = Problem(403 if isinstance(error, NotAllowed) else 409, error.code, error.message)
        return super().handle_exception(error)


class CancelBackfillView(_VerbView):
    @extend_schema(operation_id="segments_backfill_cancel", request=None, responses=_ANSWERS)
    def post(self, request: Request, key: str) -> Response:
        """Call the backfill off: who was not reached stays as the version before left them."""
        backfill_control.cancel(segment=segment_or_404(key), by=_person(request), now=timezone.now())
        return _told(key)


class ResumeBackfillView(_VerbView):
    @extend_schema(operation_id="segments_backfill_resume", request=None, responses=_ANSWERS)
    def post(self, request: Request, key: str) -> Response:
        """Take the backfill up again where it was called off."""
        backfill_control.resume(segment=segment_or_404(key), by=_person(request), now=timezone.now())
        return _told(key)


def _person(request: Request) -> Any:
    return request.user  # the permission lets in no key


def _told(key: str) -> Response:
    found = backfill_control.progress(segment_id=segment_or_404(key).pk, now=timezone.now())
    if found is None:
        raise Problem(404, "never_live", "No version of this segment was ever live.")
    return Response(BackfillSerializer(found).data)
