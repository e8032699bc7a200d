"""/v1/segments/{key}/days: how a segment's size went, day by day, with the versions of its rule."""

from datetime import UTC, date, timedelta

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp.api.authentication import ANYBODY
from cdp.api.permissions import key_with
from cdp.api.schema import problems
from cdp.models import Scope
from cdp.problems import FieldError, Problem
from cdp.roles import Role
from segments import freshness, history
from segments.api.segments import segment_or_404
from segments.freshness import Freshness

MOST_DAYS = 1_100
_USUAL_DAYS = 90


class DaySerializer(serializers.Serializer):
    day = serializers.DateField(help_text="A UTC day; of today, so far.")
    entered = serializers.IntegerField()
    left = serializers.IntegerField()
    size = serializers.IntegerField(help_text="How many were in as it ended.")


class PublishedSerializer(serializers.Serializer):
    at = serializers.DateTimeField()
    version = serializers.IntegerField(allow_null=True, help_text="null: the segment was retired.")


class DaysSerializer(serializers.Serializer):
    days = DaySerializer(many=True)
    versions = PublishedSerializer(many=True, help_text="What went live in the period, after what was live before it.")
    status = serializers.ChoiceField(choices=[state.value for state in Freshness])


class DaysView(APIView):
    authentication_classes = ANYBODY
    permission_classes = (key_with(Scope.SEGMENTS_READ, *Role),)

    @extend_schema(
        operation_id="segments_days",
        parameters=[
            OpenApiParameter("from", date, description=f"The first day; {_USUAL_DAYS} days before `to` when absent."),
            OpenApiParameter("to", date, description="The last day; today when absent."),
        ],
        responses={200: DaysSerializer, **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, key: str) -> Response:
        """Tell size, entries and exits of every day, and which versions went live. Figures alone, nobody in person."""
        segment = segment_or_404(key)
        first, last = _period(request)
        told = {
            "days": history.days(segment_id=segment.pk, first=first, last=last),
            "versions": history.published(segment_id=segment.pk, first=first, last=last),
            "status": freshness.of_segment(segment.pk),
        }
        return Response(DaysSerializer(told).data)


def _period(request: Request) -> tuple[date, date]:
    last = parsed_day(request, "to") or timezone.now().astimezone(UTC).date()
    first = parsed_day(request, "from") or last - timedelta(days=_USUAL_DAYS - 1)
    if first > last:
        raise Problem(400, "invalid", "from is after to.", (FieldError("from", "from is after to."),))
    if (last - first).days >= MOST_DAYS:
        told = f"At most {MOST_DAYS} days at once: ask in several parts."
        raise Problem(400, "invalid", told, (FieldError("from", told),))
    return first, last


def parsed_day(request: Request, name: str) -> date | None:
    """Read a day of an address. Raises a Problem for what is none, or lies outside what calendars here can tell."""
    given = request.query_params.get(name, "")
    if not given:
        return None
    try:
        day = date.fromisoformat(given) if len(given) == len("2026-03-03") else None
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year < 2200:
        told = f"{name} is a day, as 2026-03-03."
        raise Problem(400, "invalid", told, (FieldError(name, told),))
    return day
