"""GET /v1/segments/{key}/members: who is in a segment, or was on a day, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
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
from segments import freshness, history, queries
from segments.api.history import parsed_day
from segments.api.reading import reader_of
from segments.api.segments import segment_or_404
from segments.freshness import Freshness
from segments.models import Segment

_SALT = "segments.members"
_MOST = 1000


class MemberSerializer(serializers.Serializer):
    id = serializers.CharField()
    entered_at = serializers.DateTimeField()
    version = serializers.IntegerField(
        help_text="The version of the rule that last confirmed the membership; with `on`, the one entered under."
    )
    left_at = serializers.DateTimeField(allow_null=True, help_text="When the stay ended; null while it lasts.")


class MembersSerializer(serializers.Serializer):
    members = MemberSerializer(many=True)
    withheld = serializers.IntegerField(help_text="Members of this page whom the key's purpose may not see.")
    status = serializers.ChoiceField(
        choices=[state.value for state in Freshness],
        help_text="Whether everybody was judged by the live version: see the segment's backfill.",
    )
    next = serializers.CharField(
        allow_null=True, help_text="Pass it as `cursor` for the next page; null after the last."
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """A stay as a page lists it: of the person, who the profile is now."""

    person_id: int
    profile_id: int
    membership_id: int
    entered_at: datetime
    version: int
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page begins: after a profile, and on a day after one of their stays.

    The signature keeps a cursor to the segment and the day that it was made for.
    """

    on: date | None
    after: tuple[int, int]
    limit: int


class MembersView(APIView):
    authentication_classes = ANYBODY
    permission_classes = (key_with(Scope.SEGMENTS_READ, *Role),)

    @extend_schema(
        operation_id="segments_members",
        parameters=[
            OpenApiParameter("on", date, description="A UTC day: who was in at any moment of it. Now when left out."),
            OpenApiParameter("cursor", str, description="`next` of the page before."),
            OpenApiParameter("limit", int, description=f"At most {_MOST}; 100 when absent."),
            OpenApiParameter("purpose", str, description="May only repeat the purpose of the key."),
        ],
        responses={200: MembersSerializer, **problems(400, 401, 403, 404)},
    )
    @transaction.atomic
    def get(self, request: Request, key: str) -> Response:
        """List the members in the order of their ids; people who come in meanwhile may or may not be listed.

        On a day, somebody who left and came back is listed once for each stay.
        """
        reader, segment, now = reader_of(request), segment_or_404(key), timezone.now()
        page = _page(request, segment.pk, today=now.astimezone(UTC).date())
        found = _found(segment, page)
        shown = found[: page.limit]
        people = list(dict.fromkeys(member.person_id for member in shown))
        hidden = reader.withheld(profile_ids=people, fields=["segments"], now=now)
        told = [member for member in shown if member.person_id not in hidden]
        reader.record(
            action="segment.members",
            profile_ids=[person_id for person_id in people if person_id not in hidden],
            fields=["segments"],
            now=now,
            basis={"segment": key} | ({"on": page.on.isoformat()} if page.on else {}),
        )
        body = {
            "members": [_member(member) for member in told],
            "withheld": len(hidden),
            "status": freshness.of_segment(segment.pk),
            "next": _cursor(segment.pk, page.on, shown[-1]) if len(found) > page.limit else None,
        }
        return Response(MembersSerializer(body).data)


def _found(segment: Segment, page: Page) -> Sequence[Listed]:
    """One more than the page holds, where there is one more."""
    if page.on is None:
        current = queries.members(segment=segment, after=page.after[0], limit=page.limit + 1)
        return [Listed(one.profile_id, one.profile_id, 0, one.entered_at, one.version) for one in current]
    stays = history.members_on(segment=segment, day=page.on, after=page.after, limit=page.limit + 1)
    return [
        Listed(one.person_id, one.profile_id, one.membership_id, one.entered_at, one.version, one.left_at)
        for one in stays
    ]


def _member(member: Listed) -> dict[str, Any]:
    return {
        "id": to_public(member.person_id),
        "entered_at": member.entered_at,
        "version": member.version,
        "left_at": member.left_at,
    }


def _page(request: Request, segment_id: int, *, today: date) -> Page:
    limit = request.query_params.get("limit", "100")
    if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit[:9]) <= _MOST):
        raise _invalid("limit", f"limit is a number from 1 to {_MOST}.")
    on = parsed_day(request, "on")
    if on is not None and on > today:
        raise _invalid("on", "on lies in the future.")
    cursor = request.query_params.get("cursor", "")
    return Page(on, _after(cursor, segment_id, on) if cursor else (0, 0), int(limit))


def _cursor(segment_id: int, on: date | None, last: Listed) -> str:
    return signing.dumps([segment_id, on and on.isoformat(), last.profile_id, last.membership_id], salt=_SALT)


def _after(cursor: str, segment_id: int, on: date | None) -> tuple[int, int]:
    try:
        of_segment, of_day, *after = signing.loads(cursor, salt=_SALT)
        profile_id, membership_id = map(int, after)
    except (signing.BadSignature, ValueError):
        raise _invalid("cursor", "This cursor was not made here.") from None
    if of_segment != segment_id:
        raise _invalid("cursor", "This cursor belongs to another segment.")
    if of_day != (on and on.isoformat()):
        raise _invalid("cursor", "This cursor belongs to another day.")
    return profile_id, membership_id


def _invalid(field: str, message: str) -> Problem:
    return Problem(400, "invalid", message, (FieldError(field, message),))
