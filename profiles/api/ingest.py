"""What the OpenAPI document says about the door for events, which stands beside REST framework, not on it.

Nothing here runs. Only what an application that writes its own requests needs is told; what else existing SDKs send is
taken too, and `profiles.ingest.dialects` says how.
"""

from collections.abc import Callable, Iterable
from typing import Any

from drf_spectacular.utils import extend_schema
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
_REFUSALS = (400, 401, 413, 503)


def describe(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Add the routes of the door to those of REST framework; drf-spectacular calls it before it looks at them."""
    return [*endpoints, *((f"/v1/{route}", f"^v1/{route}$", "POST", _described(route)) for route in _BODIES)]


def _described(route: str) -> Callable[..., Any]:
    body, summary = _BODIES[route]

    class Described(APIView):
        authentication_classes = ()
        permission_classes = ()

        @extend_schema(
            operation_id=f"ingest_{route}",
            tags=["events"],
            auth=[{"writeKey": []}],
            request=body,
            responses={200: AcceptedSerializer, **dict.fromkeys(_REFUSALS, RefusedSerializer)},
            description=f"{summary} The body may be gzipped. Answered 200 once the events are durable; an event that"
            " cannot be stored is recorded with its reason and does not cost its batch.",
        )
        def post(self, request: Request) -> Response:
            raise NotImplementedError

    return Described.as_view()
