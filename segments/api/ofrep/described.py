"""What the OpenAPI document says about OFREP. Nothing here runs."""

from collections.abc import Callable, Iterable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp.api.authentication import KeyAuthentication
from segments.api.ofrep.flags import Reason

Endpoint = tuple[str, str, str, Callable[..., Any]]
TAG = "ofrep"
_PATH = "/ofrep/v1/evaluate/flags"


class FlagContextSerializer(serializers.Serializer):
    targetingKey = serializers.CharField(
        help_text="<type>:<value>, as user_id:u_1; what names no type is a user id."
    )


class FlagRequestSerializer(serializers.Serializer):
    def get_fields(self) -> dict[str, Any]:
        # A serializer's own attribute is called `context`.
        return {**super().get_fields(), "context": FlagContextSerializer()}


class FlagSerializer(serializers.Serializer):
    key = serializers.CharField(help_text="segment.<key>, trait.<name> or profile.")
    reason = serializers.ChoiceField(choices=[reason.value for reason in Reason])
    variant = serializers.CharField(help_text="member, non-member, set, known; unknown, unset, backfilling, withheld.")
    value = serializers.JSONField(required=False, help_text="Absent: the default in the application's code holds.")
    metadata = serializers.DictField()


class FlagsSerializer(serializers.Serializer):
    flags = FlagSerializer(many=True)
    metadata = serializers.DictField()


class FlagFailureSerializer(serializers.Serializer):
    key = serializers.CharField()
    errorCode = serializers.CharField(help_text="PARSE_ERROR, TARGETING_KEY_MISSING, INVALID_CONTEXT, GENERAL …")
    errorDetails = serializers.CharField()


class FlagsFailureSerializer(serializers.Serializer):
    errorCode = serializers.CharField()
    errorDetails = serializers.CharField()


class _Described(APIView):
    authentication_classes = (KeyAuthentication,)
    permission_classes = ()


class OneFlag(_Described):
    @extend_schema(
        operation_id="ofrep_evaluate_flag",
        tags=[TAG],
        parameters=[OpenApiParameter("key", str, OpenApiParameter.PATH)],
        request=FlagRequestSerializer,
        responses={200: FlagSerializer, **dict.fromkeys((400, 401, 403, 404, 429, 503), FlagFailureSerializer)},
    )
    def post(self, request: Request, key: str) -> Response:
        """Evaluate one flag for one person. The key may also be sent as X-API-Key."""
        raise NotImplementedError


class AllFlags(_Described):
    @extend_schema(
        operation_id="ofrep_evaluate_flags",
        tags=[TAG],
        parameters=[
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER),
            OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200]),
        ],
        request=FlagRequestSerializer,
        responses={
            200: FlagsSerializer,
            304: OpenApiResponse(description="Nothing has changed."),
            **dict.fromkeys((400, 401, 403, 429, 503), FlagsFailureSerializer),
        },
    )
    def post(self, request: Request) -> Response:
        """Evaluate every flag for one person. The key may also be sent as X-API-Key."""
        raise NotImplementedError


def describe(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Add both doors to what REST framework knows; drf-spectacular calls it before it looks at them."""
    mine = [(_PATH, f"^{_PATH[1:]}$", "POST", AllFlags.as_view())]
    return [*endpoints, *mine, (f"{_PATH}/{{key}}", f"^{_PATH[1:]}/.+$", "POST", OneFlag.as_view())]
