"""GET /v1/accounting: where every accepted event went, and what is still being worked on."""

from dataclasses import asdict
from datetime import UTC, datetime

from django.utils.dateparse import parse_datetime
from drf_spectacular.types import OpenApiTypes
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
from profiles.ingest.accounting import totals
from profiles.models import Profile, Touched


class AccountingSerializer(serializers.Serializer):
    accepted = serializers.IntegerField(help_text="Always the sum of stored, duplicate, rejected and pending.")
    stored = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    rejected = serializers.IntegerField()
    pending = serializers.IntegerField()
    parked = serializers.IntegerField(help_text="The part of pending that waits for a person.")
    people = serializers.IntegerField()
    being_evaluated = serializers.IntegerField(help_text="Touches of people that their lanes have not taken up yet.")


class AccountingView(APIView):
    authentication_classes = ANYBODY
    permission_classes = (key_with(Scope.METRICS_READ, *Role),)

    @extend_schema(
        operation_id="accounting",
        parameters=[OpenApiParameter("since", OpenApiTypes.DATETIME, description="Count from this time on.")],
        responses={200: AccountingSerializer, **problems(400, 401, 403)},
    )
    def get(self, request: Request) -> Response:
        """Count accepted events by what became of them."""
        given = request.query_params.get("since")
        sums = totals(since=_time(given) if given else None)
        progress = {
            "people": Profile.objects.filter(merged_into=None).count(),
            "being_evaluated": Touched.objects.count(),
        }
        return Response(AccountingSerializer(asdict(sums) | progress).data)


def _time(given: str) -> datetime:
    try:
        at = parse_datetime(given)
        # In UTC: PostgreSQL refuses an offset of a day, which Python takes.
        if at is not None and at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):  # shaped like a time, but of the 31st of February, or before the year 1
        pass
    raise Problem(400, "invalid", "since: write a time with its zone.", (FieldError("since", "needs a zone"),))
