"""/v1/exports: ask for people, events and memberships as Parquet by day, look how far it is, download it."""

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any

from django.http import FileResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp.access import Actor
from cdp.api.authentication import ANYBODY, KeyUser, actor_of
from cdp.api.parsers import StrictJSONParser
from cdp.api.permissions import key_with
from cdp.api.schema import problems
from cdp.models import Job, Scope
from cdp.models.job import JobState
from cdp.problems import FieldError, Problem
from cdp.roles import Role
from profiles.exports import asking, jobs, writing
from profiles.exports.tables import known

EXPORTERS = (Role.COMPLIANCE, Role.ADMINISTRATOR)
_USUAL_DAYS = 30


class DataWantedSerializer(serializers.Serializer):
    """The period is one of UTC days, `[from, to)`. A key exports for its own purpose, and may leave it out."""

    purpose = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)
    to = serializers.DateField(required=False, allow_null=True, default=None, help_text="Today when left out.")
    tables = serializers.ListField(
        child=serializers.CharField(max_length=50),
        required=False,
        default=list,
        max_length=20,
        help_text="people, events, memberships; all when left out.",
    )
    segment = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=100,
        help_text="Key of one segment: who was in it on each day of the period. Then only memberships are written.",
    )
    format = serializers.ChoiceField(
        choices=[one.value for one in asking.Format],
        required=False,
        default=asking.Format.PARQUET.value,
        help_text="csv is for spreadsheets: every cell is text that no program takes for a formula.",
    )

    def get_fields(self) -> dict[str, Any]:
        # `from` is no name for an attribute.
        start = serializers.DateField(
            required=False, allow_null=True, default=None, help_text=f"{_USUAL_DAYS} days before `to` when left out."
        )
        return {"from": start, **super().get_fields()}


class DataExportSerializer(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    state = serializers.ChoiceField(choices=JobState.choices)
    done = serializers.IntegerField(help_text="Rows written so far.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    manifest = serializers.JSONField(source="result", allow_null=True)
    kept_until = serializers.SerializerMethodField(help_text="When it is deleted; null until it is ready.")
    download = serializers.SerializerMethodField(help_text="Null until it is ready, and when it is deleted.")

    def get_kept_until(self, job: Any) -> str | None:
        until = jobs.kept_until(job)
        return until.isoformat() if until else None

    def get_download(self, job: Any) -> str | None:
        return f"/v1/exports/{job.pk}/download" if jobs.is_ready(job, now=timezone.now()) else None


class _ExportView(APIView):
    authentication_classes = ANYBODY
    parser_classes = (StrictJSONParser,)
    permission_classes = (key_with(Scope.DATA_EXPORT, *EXPORTERS),)

    def handle_exception(self, error: Exception) -> Any:
        if isinstance(error, asking.ExportRefused):
            error = Problem(422, error.code, error.message, (FieldError(error.field, error.message),))
        return super().handle_exception(error)


class DataExportsView(_ExportView):
    @extend_schema(
        operation_id="exports_create",
        request=DataWantedSerializer,
        responses={202: DataExportSerializer, **problems(400, 401, 403, 413, 415, 422)},
    )
    def post(self, request: Request) -> Response:
        """Ask for an export. Only people whom the purpose permits are in it; the manifest counts the others."""
        given = DataWantedSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        now, told = timezone.now(), given.validated_data
        end = told["to"] or now.astimezone(UTC).date()
        start = told["from"] or _earlier(end)
        wanted = asking.Wanted(
            _purpose(request, told["purpose"]),
            start,
            end,
            tuple(told["tables"]),
            told["segment"],
            asking.Format(told["format"]),
        )
        if barred := _barred(request, wanted.as_json()["tables"]):
            told = f"The key's field list does not name {known()[barred[0]].tells}, which {barred[0]} tells."
            raise Problem(403, "field_not_allowed", told, (FieldError("tables", told),))
        job = asking.request(wanted=wanted, by=actor_of(request), now=now)
        return Response(DataExportSerializer(job).data, status=202, headers={"Location": f"/v1/exports/{job.pk}"})


class DataExportView(_ExportView):
    @extend_schema(operation_id="exports_read", responses={200: DataExportSerializer, **problems(401, 403, 404)})
    def get(self, request: Request, id: int) -> Response:
        """Tell how far an export is; once it is done, its manifest."""
        return Response(DataExportSerializer(_export(request, id)).data)

    @extend_schema(operation_id="exports_cancel", responses={200: DataExportSerializer, **problems(401, 403, 404, 409)})
    def delete(self, request: Request, id: int) -> Response:
        """Call an export off."""
        job = _export(request, id)
        if not asking.cancel(job=job, by=actor_of(request), now=timezone.now()):
            raise Problem(409, "export_finished", "The export is not going on any more.")
        job.refresh_from_db()
        return Response(DataExportSerializer(job).data)


class DataExportDownloadView(_ExportView):
    @extend_schema(
        operation_id="exports_download",
        responses={(200, "application/zip"): OpenApiTypes.BINARY, **problems(401, 403, 404, 409)},
    )
    def get(self, request: Request, id: int) -> FileResponse:
        """Download an export that is done: one ZIP with the Parquet files by day and the manifest."""
        job = _export(request, id)
        if not jobs.is_ready(job, now=timezone.now()):
            raise Problem(409, "export_not_ready", "The export is not written yet, or is no longer kept.")
        return download_of(job, by=actor_of(request))


def download_of(job: Job, *, by: Actor) -> FileResponse:
    """Answer with an export's file, with a record of who takes it away."""
    asking.record_download(job=job, by=by, now=timezone.now())
    path = writing.path_of(job)
    return FileResponse(path.open("rb"), as_attachment=True, filename=path.name, content_type="application/zip")


def _earlier(end: Any) -> Any:
    try:
        return end - timedelta(days=_USUAL_DAYS)
    except OverflowError:
        raise asking.ExportRefused("to", "The period lies before the calendar.") from None


def _purpose(request: Request, asked: str) -> str:
    if not isinstance(request.user, KeyUser):
        return asked
    own = request.user.facts.purpose
    if asked and asked != own:
        told = "A key exports for the purpose it was issued for, and for no other."
        raise Problem(403, "purpose_not_allowed", told, (FieldError("purpose", told),))
    return own


def _barred(request: Request, tables: Sequence[str]) -> list[str]:
    """Return the tables that tell more than the field list of a key: they tell of each part all or nothing."""
    listed = request.user.facts.fields if isinstance(request.user, KeyUser) else ()
    return [name for name in tables if listed and name in known() and known()[name].tells not in listed]


def _export(request: Request, id: int) -> Job:
    """Find an export; a key finds those for its own purpose, as far as its field list goes."""
    job = asking.find(id)
    if job is None or (
        isinstance(request.user, KeyUser)
        and (
            job.arguments["filter"]["purpose"] != _purpose(request, "")
            or _barred(request, job.arguments["filter"]["tables"])
        )
    ):
        raise Problem(404, "not_found", "There is no such export.")
    return job
