"""/v1/imports: send a file of people or events, look how far it is, read what failed row by row."""

from dataclasses import asdict
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp.api.authentication import ANYBODY, KeyUser, actor_of
from cdp.api.permissions import key_with
from cdp.api.schema import problems
from cdp.models import Job, KeyKind, Scope
from cdp.models.job import JobState
from cdp.problems import FieldError, Problem
from cdp.roles import Role
from profiles.imports import reports, uploads

_IMPORTERS = (key_with(Scope.INGEST_WRITE, Role.AUTHOR, Role.ADMINISTRATOR),)
KINDS = [kind.value for kind in uploads.FileKind]
_MOST_MAPPING = 256 * 1024
_SHOWN = 100


@extend_schema_field(OpenApiTypes.BINARY)
class UploadField(serializers.FileField):
    """A file as it is sent; nothing answers with one."""


class ImportWantedSerializer(serializers.Serializer):
    file = UploadField(help_text="CSV or JSON lines, gzipped or not, or Parquet.", max_length=200)
    kind = serializers.ChoiceField(choices=KINDS)
    mapping = serializers.CharField(max_length=_MOST_MAPPING, help_text="What the columns mean, as JSON text.")
    source = serializers.CharField(  # type: ignore[assignment]
        required=False, allow_blank=True, default="", max_length=200, help_text="A key's own source counts instead."
    )
    dated = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="When a file of people was written."
    )

    def validate_mapping(self, value: str) -> str:
        return _storable(value, "mapping")

    def validate_source(self, value: str) -> str:
        return _storable(value, "source")


class ImportTotalsSerializer(serializers.Serializer):
    rows = serializers.IntegerField(help_text="Read so far.")
    events = serializers.IntegerField(help_text="Made of them and sent.")
    left_out = serializers.IntegerField(help_text="Rows that the mapping cleans away.")
    unreadable = serializers.IntegerField(help_text="Rows that made no event.")
    stored = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected = serializers.IntegerField()
    pending = serializers.IntegerField(help_text="Sent, and not looked at yet.")


class ImportFaultSerializer(serializers.Serializer):
    row = serializers.IntegerField()
    column = serializers.CharField(allow_blank=True)
    value_class = serializers.CharField(allow_blank=True, help_text="What kind of value stood there; never the value.")
    reason = serializers.CharField()
    code = serializers.CharField()


class ImportSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=JobState.choices)
    kind = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    totals = ImportTotalsSerializer()
    faults = ImportFaultSerializer(many=True, help_text=f"The first {_SHOWN} rows that are not in; all in `report`.")
    report = serializers.CharField(help_text="Address of the report as CSV.")


class _ImportView(APIView):
    authentication_classes = ANYBODY
    permission_classes = _IMPORTERS

    def handle_exception(self, error: Exception) -> Any:
        if isinstance(error, uploads.ImportRefused):
            error = Problem(422, error.code, error.message, (FieldError(error.field, error.message),))
        return super().handle_exception(error)


class ImportsView(_ImportView):
    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="imports_create",
        request={"multipart/form-data": ImportWantedSerializer},
        responses={202: ImportSerializer, **problems(400, 401, 403, 413, 415, 422)},
    )
    def post(self, request: Request) -> Response:
        """Send a file. It is imported in the background: look at its address until it is done."""
        _refuse_public_keys(request)
        given = ImportWantedSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        told = given.validated_data
        source = request.user.facts.source if isinstance(request.user, KeyUser) else told["source"]
        wanted = uploads.Wanted(uploads.FileKind(told["kind"]), told["mapping"].encode(), source, told["dated"])
        job = uploads.request(file=told["file"], wanted=wanted, by=actor_of(request), now=timezone.now())
        return Response(_told(job), status=202, headers={"Location": f"/v1/imports/{job.pk}"})


class ImportView(_ImportView):
    @extend_schema(operation_id="imports_read", responses={200: ImportSerializer, **problems(401, 403, 404)})
    def get(self, request: Request, id: int) -> Response:
        """Tell how far an import is, what became of its rows, and which of them are not in."""
        return Response(_told(_import(request, id)))

    @extend_schema(operation_id="imports_cancel", responses={200: ImportSerializer, **problems(401, 403, 404, 409)})
    def delete(self, request: Request, id: int) -> Response:
        """Call an import off. What was sent stays sent."""
        job = _import(request, id)
        if not uploads.cancel(job=job, by=actor_of(request), now=timezone.now()):
            raise Problem(409, "import_finished", "The import is not going on any more.")
        job.refresh_from_db()
        return Response(_told(job))


class ImportReportView(_ImportView):
    @extend_schema(
        operation_id="imports_report",
        responses={(200, "text/csv"): OpenApiTypes.STR, **problems(401, 403, 404)},
    )
    def get(self, request: Request, id: int) -> StreamingHttpResponse:
        """Download which rows are not in, and why, as CSV that a spreadsheet opens as text."""
        return report_of(_import(request, id))


def report_of(job: Job) -> StreamingHttpResponse:
    """Answer with an import's report."""
    name = f'attachment; filename="import-{job.pk}-report.csv"'
    return StreamingHttpResponse(
        reports.as_csv(job), content_type="text/csv; charset=utf-8", headers={"Content-Disposition": name}
    )


def _refuse_public_keys(request: Request) -> None:
    if isinstance(request.user, KeyUser) and request.user.facts.kind == KeyKind.PUBLIC:
        told = "A public key is in everybody's hands: files take a secret key, or a person."
        raise Problem(403, "secret_key_required", told)


def _import(request: Request, id: int) -> Job:
    """Find an import; a key finds those it sent."""
    _refuse_public_keys(request)
    job = uploads.find(id)
    actor = actor_of(request)
    own = {"kind": actor.kind.value, "id": actor.id}
    if job is None or (isinstance(request.user, KeyUser) and job.arguments.get("requester") != own):
        raise Problem(404, "not_found", "There is no such import.")
    return job


def _told(job: Job) -> Any:
    totals = reports.totals(job)
    answer = {
        "id": job.pk,
        "state": job.state,
        "kind": job.arguments.get("kind", uploads.FileKind.EVENTS.value),
        "source": job.arguments.get("source", ""),
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "error": job.error,
        "totals": asdict(totals),
        "faults": [asdict(fault) for fault in reports.faults(job, limit=_SHOWN)],
        "report": f"/v1/imports/{job.pk}/report",
    }
    return ImportSerializer(answer).data


def _storable(text: str, field: str) -> str:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise serializers.ValidationError(f"{field} holds characters that cannot be stored.")
    return text
