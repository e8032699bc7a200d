"""What the OpenAPI document says about callers and errors."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers


class FieldErrorSchema(serializers.Serializer):
    field = serializers.CharField()
    detail = serializers.CharField()


class ProblemSchema(serializers.Serializer):
    """RFC 9457 problem details; `code` is stable, `message` is for people."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    errors = FieldErrorSchema(many=True)  # type: ignore[assignment]


def problems(*statuses: int) -> dict[Any, Any]:
    """Name the statuses an operation answers with a problem, for `extend_schema(responses=…)`; each may say 429."""
    told = {*statuses, HTTPStatus.TOO_MANY_REQUESTS.value}
    return {(status, "application/problem+json"): OpenApiResponse(ProblemSchema) for status in sorted(told)}


class AnyValue(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Any JSON. Null is named apart: in "one of anything and null" it would be both, and so be valid for nothing."""

    target_class = "rest_framework.serializers.JSONField"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        # `items` says nothing new; without it generators of typed clients drop the field and what holds it.
        return {"type": ["object", "array", "string", "number", "boolean"], "items": {}}


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "cdp.api.authentication.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An application's key; also accepted as the user name of HTTP Basic.",
        }


class PersonTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "cdp.api.authentication.PersonTokenAuthentication"
    name = "personToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "A person's own token."}


class PersonSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "cdp.api.authentication.PersonSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
