"""/v1/keys: an administrator lists, issues, rotates and revokes the keys of applications."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp import api_keys
from cdp.api.authentication import ANYBODY
from cdp.api.parsers import StrictJSONParser
from cdp.api.permissions import person_with
from cdp.api.schema import problems
from cdp.api_keys import KeyRefused
from cdp.models import ApiKey, KeyKind, Scope
from cdp.problems import Problem
from cdp.roles import Role


class KeySerializer(serializers.ModelSerializer):
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))
    fields = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]

    class Meta:
        model = ApiKey
        fields = (
            "id",
            "kind",
            "name",
            "scopes",
            "source",
            "purpose",
            "fields",
            "created_at",
            "expires_at",
            "revoked_at",
        )
        read_only_fields = fields


class NewKeySerializer(serializers.Serializer):
    kind = serializers.ChoiceField(choices=KeyKind.choices)
    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices), allow_empty=False)
    source = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")  # type: ignore[assignment]
    purpose = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)

    def get_fields(self) -> dict[str, Any]:
        # A field called "fields" would hide the serializer's own attribute of that name.
        wanted = serializers.ListField(child=serializers.CharField(max_length=200), required=False, default=list)
        return {**super().get_fields(), "fields": wanted}


class IssuedKeySerializer(serializers.Serializer):
    key = KeySerializer()
    token = serializers.CharField(help_text="Told this once.")


def _person(request: Request) -> Any:
    return request.user


class _KeysView(APIView):
    authentication_classes = ANYBODY
    parser_classes = (StrictJSONParser,)
    permission_classes = (person_with(Role.ADMINISTRATOR),)

    def handle_exception(self, error: Exception) -> Any:
        if isinstance(error, KeyRefused):
            error = Problem(409 if error.errors[0].field == "name" else 400, error.code, error.message, error.errors)
        return super().handle_exception(error)


class KeysView(_KeysView):
    @extend_schema(operation_id="keys_list", responses={200: KeySerializer(many=True), **problems(401, 403)})
    def get(self, request: Request) -> Response:
        """List the keys, live and revoked, newest first."""
        return Response(KeySerializer(ApiKey.objects.order_by("-id"), many=True).data)

    @extend_schema(
        operation_id="keys_issue",
        request=NewKeySerializer,
        responses={201: IssuedKeySerializer, **problems(400, 401, 403, 409)},
    )
    def post(self, request: Request) -> Response:
        """Issue a key. The token is in this answer and nowhere else."""
        wanted = NewKeySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = {**wanted.validated_data, "fields": tuple(wanted.validated_data["fields"])}
        key, token = api_keys.issue(**given, by=_person(request), now=timezone.now())
        return Response(IssuedKeySerializer({"key": key, "token": token}).data, status=201)


class RotateKeyView(_KeysView):
    @extend_schema(
        operation_id="keys_rotate",
        request=None,
        responses={201: IssuedKeySerializer, **problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, id: int) -> Response:
        """Issue a second key with the same rights; the first stays live until you revoke it."""
        key, token = api_keys.rotate(key=get_object_or_404(ApiKey, pk=id), by=_person(request), now=timezone.now())
        return Response(IssuedKeySerializer({"key": key, "token": token}).data, status=201)


class RevokeKeyView(_KeysView):
    @extend_schema(operation_id="keys_revoke", request=None, responses={200: KeySerializer, **problems(401, 403, 404)})
    def post(self, request: Request, id: int) -> Response:
        """Revoke a key: every door refuses it within a second."""
        key = get_object_or_404(ApiKey, pk=id)
        api_keys.revoke(key=key, by=_person(request), now=timezone.now())
        return Response(KeySerializer(key).data)
