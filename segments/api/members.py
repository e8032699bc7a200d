"""GET /v1/segments/{key}/members: who is in a segment, page by page."""

from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp.api.authentication import ANYBODY
from cdp.api.permissions import key_with
from cdp.api.schema import problems
from cdp.ids import to_public
from cdp.models import Scope
from cdp.problems import FieldError, Problem
from cdp.roles import Role
from segments import queries
from segments.api.reading import reader_of
from segments.api.segments import segment_or_404

_SALT = "segments.members"
_MOST = 1000


class MemberSerializer(serializers.Serializer):
    id = serializers.CharField()
    entered_at = serializers.DateTimeField()
    version = serializers.IntegerField(help_text="The version of the rule that last confirmed the membership.")


class MembersSerializer(serializers.Serializer):
    members = MemberSerializer(many=True)
    withheld = serializers.IntegerField(help_text="Members of this page whom the key's purpose may not see.")
    next = serializers.CharField(
        allow_null=True, help_text="Pass it as `cursor` for the next page; null after the last."
    )


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page begins: after the profile `after`; the signature keeps a cursor to the segment it was made for."""

    after: int
    limit: int


class MembersView(APIView):
    authentication_classes = ANYBODY
    permission_classes = (key_with(Scope.SEGMENTS_READ, *Role),)

    @extend_schema(
        operation_id="segments_members",
        parameters=[
            OpenApiParameter("cursor", str, description="`next` of the page before."),
            OpenApiParameter("limit", int, description=f"At most {_MOST}; 100 when absent."),
            OpenApiParameter("purpose", str, description="May only repeat the purpose of the key."),
        ],
        responses={200: MembersSerializer, **problems(400, 401, 403, 404)},
    )
    @transaction.atomic
    def get(self, request: Request, key: str) -> Response:
        """List the current members in the order of their ids; people who come in meanwhile may or may not be listed."""
        reader, segment, now = reader_of(request), segment_or_404(key), timezone.now()
        page = _page(request, segment.pk)
        found = queries.members(segment=segment, after=page.after, limit=page.limit + 1)
        shown = found[: page.limit]
        hidden = reader.withheld(profile_ids=[member.profile_id for member in shown], fields=["segments"], now=now)
        told = [member for member in shown if member.profile_id not in hidden]
        reader.record(
            action="segment.members",
            profile_ids=[member.profile_id for member in told],
            fields=["segments"],
            now=now,
            basis={"segment": key},
        )
        following = _cursor(segment.pk, shown[-1].profile_id) if len(found) > page.limit else None
        return Response(_answer(told, withheld=len(hidden), following=following))


def _answer(members: list[queries.Member], *, withheld: int, following: str | None) -> Any:
    rows = [
        {"id": to_public(member.profile_id), "entered_at": member.entered_at, "version": member.version}
        for member in members
    ]
    return MembersSerializer({"members": rows, "withheld": withheld, "next": following}).data


def _page(request: Request, segment_id: int) -> Page:
    limit = request.query_params.get("limit", "100")
    if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit[:9]) <= _MOST):
        raise _invalid("limit", f"limit is a number from 1 to {_MOST}.")
    cursor = request.query_params.get("cursor", "")
    return Page(_after(cursor, segment_id) if cursor else 0, int(limit))


def _cursor(segment_id: int, after: int) -> str:
    return signing.dumps([segment_id, after], salt=_SALT)


def _after(cursor: str, segment_id: int) -> int:
    try:
        of_segment, after = signing.loads(cursor, salt=_SALT)
    except signing.BadSignature:
        raise _invalid("cursor", "This cursor was not made here.") from None
    if of_segment != segment_id:
        raise _invalid("cursor", "This cursor belongs to another segment.")
    return int(after)


def _invalid(field: str, message: str) -> Problem:
    return Problem(400, "invalid", message, (FieldError(field, message),))
