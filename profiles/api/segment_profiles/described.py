"""What the OpenAPI document says about Segment's Profile API. Nothing here runs."""

from collections.abc import Callable, Iterable
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp.api.authentication import KeyAuthentication
from profiles.models import EventKind

Endpoint = tuple[str, str, str, Callable[..., Any]]
TAG = "segment profile api"
_BASE = "/v1/spaces/{space_id}/collections/{collection}/profiles/{external_id}"


class SegmentErrorDetailSerializer(serializers.Serializer):
    code = serializers.CharField(
        help_text="authentication_error, invalid_request_error, validation_error, not_found, rate_limit_error or"
        " api_error."
    )
    message = serializers.CharField()


class SegmentErrorSerializer(serializers.Serializer):
    error = SegmentErrorDetailSerializer()


class SegmentCursorSerializer(serializers.Serializer):
    url = serializers.CharField(help_text="The address of the next page, or of this list where there is none.")
    has_more = serializers.BooleanField()
    next = serializers.CharField(allow_blank=True, help_text="Opaque; empty on the last page.")
    limit = serializers.IntegerField()


class SegmentTraitsSerializer(serializers.Serializer):
    traits = serializers.DictField(
        help_text="Values by name, memberships among them: true while in the segment, false after it was left. With"
        " verbose=true an object each: value, source_id, updated_at."
    )
    cursor = SegmentCursorSerializer()


class SegmentExternalIdSerializer(serializers.Serializer):
    source_id = serializers.CharField(allow_null=True)
    collection = serializers.CharField()
    id = serializers.CharField()
    type = serializers.CharField()
    created_at = serializers.DateTimeField()
    encoding = serializers.CharField()
    first_message_id = serializers.CharField(allow_null=True)


class SegmentExternalIdsSerializer(serializers.Serializer):
    data = SegmentExternalIdSerializer(many=True)  # type: ignore[assignment]
    cursor = SegmentCursorSerializer()


class SegmentEventIdSerializer(serializers.Serializer):
    collection = serializers.CharField()
    type = serializers.CharField()
    id = serializers.CharField()
    encoding = serializers.CharField()


class SegmentRelatedSerializer(serializers.Serializer):
    users = serializers.CharField()


class SegmentEventSerializer(serializers.Serializer):
    external_ids = SegmentEventIdSerializer(many=True)
    type = serializers.CharField(help_text=", ".join(kind.name.lower() for kind in EventKind))
    message_id = serializers.CharField()
    source_id = serializers.CharField(allow_blank=True)
    timestamp = serializers.DateTimeField()
    properties = serializers.DictField()
    event = serializers.CharField(allow_null=True, help_text="null for identify, group and alias.")
    related = SegmentRelatedSerializer()

    def get_fields(self) -> dict[str, Any]:
        # A serializer's own attribute is called `context`.
        return {**super().get_fields(), "context": serializers.DictField()}


class SegmentEventsSerializer(serializers.Serializer):
    data = SegmentEventSerializer(many=True)  # type: ignore[assignment]
    cursor = SegmentCursorSerializer()


class SegmentMetadataFieldsSerializer(serializers.Serializer):
    created_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    first_message_id = serializers.CharField(allow_null=True)
    first_source_id = serializers.CharField(allow_null=True)
    last_message_id = serializers.CharField(allow_null=True)
    last_source_id = serializers.CharField(allow_null=True)


class SegmentMetadataSerializer(serializers.Serializer):
    metadata = SegmentMetadataFieldsSerializer()


class SegmentAccountIdSerializer(serializers.Serializer):
    id = serializers.CharField()
    type = serializers.CharField()
    source_id = serializers.CharField(allow_null=True)
    collection = serializers.CharField()
    created_at = serializers.DateTimeField()
    encoding = serializers.CharField()


class SegmentLinkSerializer(serializers.Serializer):
    to_collection = serializers.CharField()
    external_ids = SegmentAccountIdSerializer(many=True)


class SegmentLinksSerializer(serializers.Serializer):
    data = SegmentLinkSerializer(many=True)  # type: ignore[assignment]
    cursor = SegmentCursorSerializer()


def _limit(default: int, most: int) -> OpenApiParameter:
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return OpenApiParameter("limit", schema)


_NEXT = OpenApiParameter("next", str, description="`cursor.next` of the page before.")
_VERBOSE = OpenApiParameter("verbose", bool)
_WHO = [
    OpenApiParameter(
        "space_id", {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}, OpenApiParameter.PATH,
        description="Any: a workspace is one space.",
    ),
    OpenApiParameter("collection", str, OpenApiParameter.PATH, enum=["users", "accounts"]),
    OpenApiParameter(
        "external_id", {"type": "string", "pattern": "^[a-z_]+:.+$"}, OpenApiParameter.PATH,
        description="<type>:<value>, URL-encoded: user_id:u_1, phone:%2B43…, id:p_….",
    ),
]  # fmt: skip
_RESOURCES: dict[str, tuple[type[serializers.Serializer], str, list[OpenApiParameter]]] = {
    "traits": (
        SegmentTraitsSerializer,
        "Read a person's traits, with their memberships as booleans. What is withheld is absent.",
        [
            OpenApiParameter("include", str, description="Names of traits, separated by commas."),
            OpenApiParameter("class", str, enum=["audience", "computed_trait"]),
            _VERBOSE,
            _limit(10, 200),
            _NEXT,
        ],
    ),
    "external_ids": (
        SegmentExternalIdsSerializer,
        "Read the names a person goes by.",
        [OpenApiParameter("include", str, description="Types of identifiers."), _VERBOSE, _limit(25, 100), _NEXT],
    ),
    "events": (
        SegmentEventsSerializer,
        "Read what a person did, of the last 14 days unless start asks for more.",
        [
            OpenApiParameter("include", str, description="Names of events, separated by commas."),
            OpenApiParameter("exclude", str, description="Names of events, separated by commas."),
            OpenApiParameter("start", OpenApiTypes.DATETIME, description="From this moment on; a bare date is UTC."),
            OpenApiParameter("end", OpenApiTypes.DATETIME, description="Before this moment; a bare date is UTC."),
            OpenApiParameter("sort", str, enum=["asc", "desc"], default="desc"),
            _limit(100, 100),
            _NEXT,
        ],
    ),
    "metadata": (
        SegmentMetadataSerializer,
        "Read when a person was first and last seen, and by which events.",
        [_VERBOSE],
    ),
    "links": (
        SegmentLinksSerializer,
        "Read the accounts that a person's group calls named.",
        [_limit(20, 20), _NEXT],
    ),
}
_REFUSALS = (400, 401, 403, 404, 429, 503)


def describe(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Add the resources to what REST framework knows; drf-spectacular calls it before it looks at them."""
    mine = ((f"{_BASE}/{name}", rf"^v1/spaces/.+/{name}$", "GET", _described(name)) for name in _RESOURCES)
    return [*endpoints, *mine]


def _described(resource: str) -> Callable[..., Any]:
    answer, told, parameters = _RESOURCES[resource]

    class Described(APIView):
        authentication_classes = (KeyAuthentication,)
        permission_classes = ()

        @extend_schema(
            operation_id=f"segment_profiles_{resource}",
            tags=[TAG],
            description=told,
            parameters=[*_WHO, *parameters],
            responses={200: answer, **dict.fromkeys(_REFUSALS, SegmentErrorSerializer)},
        )
        def get(self, request: Request) -> Response:
            raise NotImplementedError

    return Described.as_view()
