"""Sources over REST: the lifecycle's verbs, and where a source's events went."""

from dataclasses import asdict
from datetime import timedelta

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.api.schema import problems
from cdp.governance.api import GovernedViewSet
from cdp.problems import FieldError, Problem
from profiles.ingest.accounting import totals
from profiles.plans.sources import SOURCES

_MOST_MINUTES = 7 * 24 * 60


class SourceAccountingSerializer(serializers.Serializer):
    accepted = serializers.IntegerField(help_text="Always the sum of stored, duplicate, rejected and pending.")
    stored = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    rejected = serializers.IntegerField()
    pending = serializers.IntegerField()
    parked = serializers.IntegerField(help_text="The part of pending that waits for a person.")


class SourceGovernance(GovernedViewSet):
    """A source's first event makes it; its versions say how it counts and which plan it follows."""

    governed = SOURCES
    lookup_value_regex = "[a-z0-9][a-z0-9_-]*"

    @extend_schema(
        responses={200: SourceAccountingSerializer, **problems(400, 401, 403, 404)},
        parameters=[
            OpenApiParameter("minutes", OpenApiTypes.INT, description=f"How far back, 1 to {_MOST_MINUTES}; 60.")
        ],
    )
    @action(detail=True, methods=["get"], url_path="accounting", url_name="accounting")
    def accounting(self, request: Request, key: str) -> Response:
        """Count the source's events of the last minutes by what became of them."""
        given = request.query_params.get("minutes", "60")
        if not (given.isascii() and given.isdigit() and len(given) < 6 and 1 <= int(given) <= _MOST_MINUTES):
            told = f"Write a number from 1 to {_MOST_MINUTES}."
            raise Problem(400, "invalid", f"minutes: {told}", (FieldError("minutes", told),))
        sums = totals(since=timezone.now() - timedelta(minutes=int(given)), source=self._head(key).key)
        return Response(SourceAccountingSerializer(asdict(sums)).data)
