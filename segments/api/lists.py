"""/v1/lists: uploaded lists of names, for rules to ask who is on them."""

from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp.api.authentication import ANYBODY
from cdp.api.permissions import key_with, person_with
from cdp.api.schema import problems
from cdp.models import Scope
from cdp.problems import FieldError, Problem
from cdp.roles import Role
from profiles.api.imports import UploadField
from segments.lists import uploading
from segments.lists.reading import ListRefused, Uploaded, read
from segments.models import ListVersion, UploadedList

_READERS = key_with(Scope.SEGMENTS_READ, *Role)
_WRITERS = person_with(Role.AUTHOR, Role.ADMINISTRATOR)
_SHOWN = 100
_CONFLICTS = ("key_taken", "in_use", "too_many")
_FILE = "CSV with a column per kind of name, or one type:value or public profile id per line; UTF-8."


class ListVersionSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    rows = serializers.IntegerField()
    matched = serializers.IntegerField(help_text="Rows about somebody who was known at that moment.")
    unmatched = serializers.IntegerField(help_text="Rows that wait for somebody to appear.")
    refused = serializers.IntegerField(help_text="Rows that name nobody in a way that is known.")
    came = serializers.IntegerField(help_text="Names that were not on the list before.")
    went = serializers.IntegerField(help_text="Names that are not on it any more.")
    touched = serializers.IntegerField(help_text="People who were looked at again for it.")
    uploaded_by = serializers.CharField(source="uploaded_by.username")
    uploaded_at = serializers.DateTimeField()


class UploadedListSerializer(serializers.Serializer):
    key = serializers.CharField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()


class ListWithVersionsSerializer(UploadedListSerializer):
    versions = ListVersionSerializer(many=True, help_text=f"The latest {_SHOWN}, newest first.")


class ListFileSerializer(serializers.Serializer):
    file = UploadField(help_text=_FILE, max_length=200)


class ListWantedSerializer(ListFileSerializer):
    key = serializers.CharField(max_length=50)
    name = serializers.CharField(max_length=200)


class _ListView(APIView):
    authentication_classes = ANYBODY
    parser_classes = (MultiPartParser,)

    def get_permissions(self) -> list[BasePermission]:
        return [_READERS()] if self.request.method in ("GET", "HEAD", "OPTIONS") else [_WRITERS()]

    def handle_exception(self, error: Exception) -> Any:
        match error:
            case ListRefused():
                status = 409 if error.code in _CONFLICTS else 422
                error = Problem(status, error.code, error.message, (FieldError(error.field, error.message),))
            case UploadedList.DoesNotExist():
                error = Http404()
        return super().handle_exception(error)


class ListsView(_ListView):
    @extend_schema(operation_id="lists_list", responses={200: UploadedListSerializer(many=True), **problems(401, 403)})
    def get(self, request: Request) -> Response:
        """Tell which lists there are."""
        return Response(UploadedListSerializer(UploadedList.objects.order_by("key"), many=True).data)

    @extend_schema(
        operation_id="lists_create",
        request={"multipart/form-data": ListWantedSerializer},
        responses={201: ListVersionSerializer, **problems(400, 401, 403, 409, 413, 415, 422)},
    )
    def post(self, request: Request) -> Response:
        """Make a list of a file's names. They are kept as keyed hashes, and whoever is not known yet is waited for."""
        given, uploaded = _given(ListWantedSerializer, request)
        version = uploading.create(
            key=given["key"], name=given["name"], uploaded=uploaded, by=_person(request), now=timezone.now()
        )
        address = f"/v1/lists/{version.list.key}"
        return Response(ListVersionSerializer(version).data, status=201, headers={"Location": address})


class ListView(_ListView):
    @extend_schema(operation_id="lists_read", responses={200: ListWithVersionsSerializer, **problems(401, 403, 404)})
    def get(self, request: Request, key: str) -> Response:
        """Read one list: its uploads, never its names."""
        found = UploadedList.objects.get(key=key)
        versions = ListVersion.objects.filter(list=found).select_related("uploaded_by").order_by("-number")[:_SHOWN]
        told = {"key": found.key, "name": found.name, "created_at": found.created_at, "versions": versions}
        return Response(ListWithVersionsSerializer(told).data)

    @extend_schema(
        operation_id="lists_replace",
        request={"multipart/form-data": ListFileSerializer},
        responses={200: ListVersionSerializer, **problems(400, 401, 403, 404, 413, 415, 422)},
    )
    def put(self, request: Request, key: str) -> Response:
        """Put another file's names in the place of the list's own; only who came or went is looked at again."""
        _, uploaded = _given(ListFileSerializer, request)
        version = uploading.replace(key=key, uploaded=uploaded, by=_person(request), now=timezone.now())
        return Response(ListVersionSerializer(version).data)

    @extend_schema(operation_id="lists_forget", responses={204: None, **problems(401, 403, 404, 409)})
    def delete(self, request: Request, key: str) -> Response:
        """Erase every name that was ever on the list. Refused while a live rule asks for it."""
        uploading.forget(key=key, by=_person(request), now=timezone.now())
        return Response(status=204)


def _given(serializer: type[ListFileSerializer], request: Request) -> tuple[dict[str, Any], Uploaded]:
    given = serializer(data=request.data)
    given.is_valid(raise_exception=True)
    told = dict(given.validated_data)
    return told, read(told.pop("file").read())


def _person(request: Request) -> Any:
    return request.user  # no stranger and no key: every view that writes demands a person
