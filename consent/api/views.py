"""The consent API: tell a decision, read where a person stands, export the log."""

import re
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.http import FileResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp import access
from cdp.api.authentication import ANYBODY, KeyUser, actor_of
from cdp.api.parsers import StrictJSONParser
from cdp.api.permissions import key_with
from cdp.api.schema import problems
from cdp.ids import to_public
from cdp.models import Job, KeyKind, Scope
from cdp.problems import FieldError, Problem
from cdp.roles import Role
from consent import canonical, exports, history, intake
from consent.api.serializers import (
    ExportSerializer,
    PersonConsentSerializer,
    ReceiptSerializer,
    StatementSerializer,
    WantedSerializer,
)
from consent.decisions import Assurance, Operation
from consent.intake import Identifier, Told
from consent.ledger import AnotherRequest, LedgerError, Teller
from consent.models import Channel


class _ConsentView(APIView):
    authentication_classes = ANYBODY
    parser_classes = (StrictJSONParser,)

    def handle_exception(self, error: Exception) -> Any:
        if isinstance(error, LedgerError):
            status = 409 if isinstance(error, AnotherRequest) else 422
            error = Problem(status, error.code, error.message, (FieldError(error.field, error.message),))
        if isinstance(error, exports.ExportRefused):
            error = Problem(422, error.code, error.message, (FieldError(error.field, error.message),))
        return super().handle_exception(error)


class ConsentView(_ConsentView):
    permission_classes = (key_with(Scope.CONSENT_WRITE, Role.COMPLIANCE),)

    @extend_schema(
        operation_id="consent_tell",
        request=StatementSerializer,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key", str, OpenApiParameter.HEADER, description="The same key again is the same entry."
            )
        ],
        responses={201: ReceiptSerializer, 200: ReceiptSerializer, **problems(400, 401, 403, 409, 413, 422)},
    )
    def post(self, request: Request) -> Response:
        """Record a person's decision. A public key's word for a grant counts only where the purpose accepts it."""
        told = StatementSerializer(data=request.data)
        told.is_valid(raise_exception=True)
        receipt = intake.accept(
            told=_told(told.validated_data, request),
            told_by=_teller(request),
            now=timezone.now(),
            idempotency_key=_idempotency_key(request),
        )
        answer = {
            "id": receipt.id,
            "sha256": receipt.hash.hex(),
            "entry": receipt.encoded.decode(),
            "repeat": receipt.is_repeat,
        }
        return Response(ReceiptSerializer(answer).data, status=200 if receipt.is_repeat else 201)


class PersonConsentView(_ConsentView):
    permission_classes = (key_with(Scope.CONSENT_READ, Role.COMPLIANCE),)

    @extend_schema(
        operation_id="consent_read",
        parameters=[
            OpenApiParameter("type", str, OpenApiParameter.PATH, description="id, user_id, email, phone …"),
            OpenApiParameter("value", str, OpenApiParameter.PATH),
        ],
        responses={200: PersonConsentSerializer, **problems(401, 403, 404, 422)},
    )
    @transaction.atomic
    def get(self, request: Request, type: str, value: str) -> Response:
        """Tell where a person stands on every purpose, and the latest entries that say so."""
        now = timezone.now()
        profile_id = intake.find(Identifier(type, value))
        if profile_id is None:
            raise Problem(404, "not_found", "Nobody is known by this identifier.")
        access.record(
            actor=actor_of(request),
            action="consent.read",
            profile_ids=[profile_id],
            purpose="",
            fields=["consent"],
            now=now,
        )
        known = history.of_person(profile_id=profile_id, now=now)
        answer = {
            "id": to_public(profile_id),
            "consent": known.standings,
            "history": [_history_entry(entry) for entry in known.entries],
            "has_more": known.has_more,
            "as_of": now,
        }
        return Response(PersonConsentSerializer(answer).data)


class ExportsView(_ConsentView):
    permission_classes = (key_with(Scope.CONSENT_EXPORT, Role.COMPLIANCE),)

    @extend_schema(
        operation_id="consent_exports_create",
        request=WantedSerializer,
        responses={202: ExportSerializer, **problems(400, 401, 403, 422)},
    )
    def post(self, request: Request) -> Response:
        """Ask for an export of the log. Look at its address until it is done, then download it."""
        wanted = WantedSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        now, given = timezone.now(), wanted.validated_data
        period = exports.Wanted(given["from"], given["to"] or now, given["purpose"])
        job = exports.request(wanted=period, by=actor_of(request), now=now)
        return Response(ExportSerializer(job).data, status=202, headers={"Location": f"/v1/consent/exports/{job.pk}"})


class ExportView(_ConsentView):
    permission_classes = (key_with(Scope.CONSENT_EXPORT, Role.COMPLIANCE),)

    @extend_schema(operation_id="consent_exports_read", responses={200: ExportSerializer, **problems(401, 403, 404)})
    def get(self, request: Request, id: int) -> Response:
        """Tell how far an export is; once it is done, its manifest."""
        return Response(ExportSerializer(_export(id)).data)


class ExportDownloadView(_ConsentView):
    permission_classes = (key_with(Scope.CONSENT_EXPORT, Role.COMPLIANCE),)

    @extend_schema(
        operation_id="consent_exports_download",
        responses={(200, "application/zip"): OpenApiTypes.BINARY, **problems(401, 403, 404, 409)},
    )
    def get(self, request: Request, id: int) -> FileResponse:
        """Download an export that is done: one ZIP with the record, a copy as CSV, the terms and the manifest."""
        job = _export(id)
        if not exports.is_ready(job):
            raise Problem(409, "export_not_ready", "The export is not written yet, or is no longer kept.")
        exports.record_download(job=job, by=actor_of(request), now=timezone.now())
        path = exports.path_of(job)
        return FileResponse(path.open("rb"), as_attachment=True, filename=path.name, content_type="application/zip")


def _export(id: int) -> Job:
    job = exports.find(id)
    if job is None:
        raise Problem(404, "not_found", "There is no such export.")
    return job


def _told(given: Mapping[str, Any], request: Request) -> Told:
    notice = given["notice"] or {}
    return Told(
        identifier=Identifier(**given["identifier"]),
        operation=Operation(given["operation"]),
        purposes=tuple(given["purposes"]),
        occurred_at=given["occurred_at"] or timezone.now(),
        method=given["method"],
        notice=notice.get("id", ""),
        notice_version=notice.get("version"),
        private={"evidence": given["evidence"], "user_agent": request.META.get("HTTP_USER_AGENT", "")},
    )


def _teller(request: Request) -> Teller:
    if not isinstance(request.user, KeyUser):
        actor = canonical.Actor("user", str(request.user.pk))
        return Teller(channel=Channel.ADMIN, source="staff", assurance=Assurance.SERVER, actor=actor)
    facts = request.user.facts
    return Teller(
        channel=Channel.API,
        source=facts.source or facts.name,
        assurance=Assurance.CLIENT if facts.kind == KeyKind.PUBLIC else Assurance.SERVER,
        actor=canonical.Actor("key", str(facts.id)),
    )


# The draft standard quotes the key; most clients do not.
_QUOTED = re.compile(r'"([^"]{1,200})"|([^"\s]{1,200})')


def _idempotency_key(request: Request) -> str:
    header = request.META.get("HTTP_IDEMPOTENCY_KEY", "").strip()
    if not header:
        return ""
    parsed = _QUOTED.fullmatch(header)
    if parsed is None:
        field = FieldError("Idempotency-Key", "Give at most 200 characters, with or without quotes around them.")
        raise Problem(400, "invalid", "The idempotency key cannot be read.", (field,))
    return parsed[1] or parsed[2]


def _history_entry(entry: Any) -> dict[str, Any]:
    return {
        "id": history.public_id(entry),
        "operation": entry.operation,
        "purposes": entry.purposes,
        "occurred_at": entry.occurred_at,
        "received_at": entry.received_at,
        "source": entry.source,
        "channel": entry.channel,
        "assurance": entry.assurance,
        "notice": entry.notice_key,
        "notice_version": entry.notice_version,
        "sha256": bytes(entry.hash).hex(),
    }
