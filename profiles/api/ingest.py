"""What the OpenAPI document says about the door for events, which stands beside REST framework, not on it.

Nothing here runs. Only what an application that writes its own requests needs is told; what else existing SDKs send is
taken too, and `profiles.ingest.dialects` says how.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from profiles.ingest.incoming import MAX_EVENT_BYTES, MAX_EVENT_NAME, MAX_EVENTS, MAX_ID, MAX_MESSAGE_ID, Kind

Endpoint = tuple[str, str, str, Callable[..., Any]]


class AcceptedSerializer(serializers.Serializer):
    """The events are on disk. What became of each is told by /v1/accounting and among the rejected events."""

    success = serializers.BooleanField()


class RefusedSerializer(serializers.Serializer):
    """The request was refused as a whole. Event SDKs read `code` and `message`."""

    success = serializers.BooleanField()
    code = serializers.CharField()
    message = serializers.CharField()


class _EventSerializer(serializers.Serializer):
    """userId, anonymousId or both say who it was."""

    messageId = serializers.CharField(
        required=False, max_length=MAX_MESSAGE_ID, help_text="Sent again with the same one, an event is dropped."
    )
    userId = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=MAX_ID)
    anonymousId = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=MAX_ID)
    timestamp = serializers.DateTimeField(required=False, help_text="When it happened; when received, if left out.")
    sentAt = serializers.DateTimeField(required=False, help_text="Corrects a clock that is wrong.")

    def get_fields(self) -> dict[str, Any]:
        # A serializer's own attribute is called `context`.
        context = serializers.DictField(required=False, help_text="Consent, page, campaign, device, traits …")
        return {**super().get_fields(), "context": context}


class IdentifySerializer(_EventSerializer):
    traits = serializers.DictField(required=False)


class TrackSerializer(_EventSerializer):
    event = serializers.CharField(max_length=MAX_EVENT_NAME)
    properties = serializers.DictField(required=False)


class PageSerializer(_EventSerializer):
    name = serializers.CharField(required=False, allow_null=True)
    category = serializers.CharField(required=False, allow_null=True)
    properties = serializers.DictField(required=False)


class GroupSerializer(_EventSerializer):
    groupId = serializers.CharField(max_length=MAX_ID)
    traits = serializers.DictField(required=False)


class AliasSerializer(_EventSerializer):
    userId = serializers.CharField(max_length=MAX_ID)
    previousId = serializers.CharField(max_length=MAX_ID)


class AnyEventSerializer(_EventSerializer):
    type = serializers.ChoiceField(choices=[kind.name.lower() for kind in Kind])
    event = serializers.CharField(required=False, max_length=MAX_EVENT_NAME, help_text="Needed for track.")
    name = serializers.CharField(required=False, allow_null=True)
    groupId = serializers.CharField(required=False, max_length=MAX_ID)
    previousId = serializers.CharField(required=False, max_length=MAX_ID)
    properties = serializers.DictField(required=False)
    traits = serializers.DictField(required=False)


class BatchSerializer(serializers.Serializer):
    batch = AnyEventSerializer(many=True, help_text=f"At most {MAX_EVENTS:,}, each at most {MAX_EVENT_BYTES:,} bytes.")
    sentAt = serializers.DateTimeField(required=False)

    def get_fields(self) -> dict[str, Any]:
        shared = serializers.DictField(required=False, help_text="Holds for every event of the batch.")
        return {**super().get_fields(), "context": shared}


_BODIES = {
    "batch": (BatchSerializer, "Send many events in one request."),
    "identify": (IdentifySerializer, "Say who somebody is, and what is known about them."),
    "track": (TrackSerializer, "Say what somebody did."),
    "page": (PageSerializer, "Say which page somebody looked at."),
    "screen": (PageSerializer, "Say which screen of an app somebody looked at."),
    "group": (GroupSerializer, "Say which company or household somebody belongs to."),
    "alias": (AliasSerializer, "Say that two ids are one person."),
}
_REFUSALS = (400, 401, 408, 413, 429, 503)
_KEY = {"type": "string", "pattern": "^cdp_(pk|sk)_[1-9][0-9]{0,17}_[0-9A-Za-z]{49}$"}
_SHORT = {"b": "batch", "i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias"}


def describe(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Add the routes of the door to those of REST framework; drf-spectacular calls it before it looks at them."""
    return [*endpoints, *_events(), *_around_events()]


def _events() -> Iterator[Endpoint]:
    for route in _BODIES:
        yield f"/v1/{route}", f"^v1/{route}$", "POST", _described(route, f"ingest_{route}")
    for letter, route in _SHORT.items():
        told = " As Segment's browser SDK calls it."
        yield f"/v1/{letter}", f"^v1/{letter}$", "POST", _described(route, f"ingest_{route}_short", told)
    told = " As RudderStack's browser SDK calls it on leaving a page; the key is in the address."
    yield "/beacon/v1/batch", "^beacon/v1/batch$", "POST", _described("batch", "ingest_batch_beacon", told)
    for route in _BODIES.keys() - {"batch"}:
        path = f"/api/s/{route}"
        yield path, f"^api/s/{route}$", "POST", _described(route, f"ingest_{route}_jitsu", " As Jitsu's SDK calls it.")


def _around_events() -> Iterator[Endpoint]:
    yield "/v1/pixel/{type}", "^v1/pixel/(?P<type>[a-z]+)$", "GET", _Pixel.as_view()
    yield "/v1/m", "^v1/m$", "POST", _Metrics.as_view()
    yield "/v1/projects/{write_key}/settings", "^v1/projects/(?P<write_key>[^/]+)/settings$", "GET", _Segment.as_view()
    yield "/sourceConfig/", "^sourceConfig/$", "GET", _Rudder.as_view()


def _described(route: str, name: str, told: str = "") -> Callable[..., Any]:
    body, summary = _BODIES[route]

    class Described(APIView):
        authentication_classes = ()
        permission_classes = ()

        @extend_schema(
            operation_id=name,
            tags=["events"],
            auth=[{"writeKey": []}],
            request=body,
            responses={200: AcceptedSerializer, **dict.fromkeys(_REFUSALS, RefusedSerializer)},
            description=f"{summary}{told} The body may be gzipped. Answered 200 once the events are durable; an event"
            " that cannot be stored is recorded with its reason and does not cost its batch. 429 and 503 say in"
            " Retry-After when to send the same again.",
        )
        def post(self, request: Request) -> Response:
            raise NotImplementedError

    return Described.as_view()


class _Beside(APIView):
    """Stands for one of the functions beside the events; never runs."""

    authentication_classes = ()
    permission_classes = ()


class _Pixel(_Beside):
    @extend_schema(
        operation_id="ingest_pixel",
        tags=["clients"],
        auth=[],
        parameters=[
            OpenApiParameter("type", str, OpenApiParameter.PATH, enum=[kind.name.lower() for kind in Kind]),
            OpenApiParameter("data", str, description="base64 of the event's JSON, with writeKey in it."),
        ],
        responses={(200, "image/gif"): OpenApiTypes.BINARY},
        description="Send one event with an image. Always 200 and the image; what could not be taken is counted.",
    )
    def get(self, request: Request, type: str) -> Response:
        raise NotImplementedError


class _Metrics(_Beside):
    @extend_schema(
        operation_id="ingest_client_metrics",
        tags=["clients"],
        auth=[],
        request={"text/plain": OpenApiTypes.STR},
        responses={200: AcceptedSerializer, **dict.fromkeys((408, 413), RefusedSerializer)},
        description="Take what Segment's browser SDK tells about itself; it is counted and dropped.",
    )
    def post(self, request: Request) -> Response:
        raise NotImplementedError


class _Segment(_Beside):
    @extend_schema(
        operation_id="segment_settings",
        tags=["clients"],
        auth=[],
        parameters=[OpenApiParameter("write_key", _KEY, OpenApiParameter.PATH)],
        responses={200: OpenApiTypes.OBJECT, **dict.fromkeys((404, 503), RefusedSerializer)},
        description="The settings that Segment's browser SDK loads: events go to this server and nowhere else.",
    )
    def get(self, request: Request, write_key: str) -> Response:
        raise NotImplementedError


class _Rudder(_Beside):
    @extend_schema(
        operation_id="rudder_source_config",
        tags=["clients"],
        auth=[{"writeKey": []}],
        responses={200: OpenApiTypes.OBJECT, **dict.fromkeys((401, 503), RefusedSerializer)},
        description="The configuration that RudderStack's browser SDK loads: a source without destinations.",
    )
    def get(self, request: Request) -> Response:
        raise NotImplementedError
