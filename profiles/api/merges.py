"""The merges over REST: which two became one and why; undone and taken back by people, never by a key."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp import access
from cdp.access import Actor
from cdp.api.authentication import ANYBODY
from cdp.api.parsers import StrictJSONParser
from cdp.api.permissions import IsPerson, person_with
from cdp.api.schema import problems
from cdp.ids import to_public
from cdp.problems import FieldError, Problem
from profiles.identity import unmerging
from profiles.identity.unmerging import DECIDERS, MOST_COMMENT, UnmergeError
from profiles.models import Merge

_MOST = 500
_STATUS = {"not_allowed": 403, "comment_required": 400, "not_found": 404, "already_undone": 409, "not_apart": 409}


class UndoneSerializer(serializers.Serializer):
    at = serializers.DateTimeField()
    decided_by = serializers.CharField()
    comment = serializers.CharField()
    lifted_at = serializers.DateTimeField(allow_null=True, help_text="When the decision was taken back, if it was.")
    lifted_by = serializers.CharField()
    lifted_comment = serializers.CharField()


class MergeSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    winner = serializers.CharField(help_text="The profile id that was kept.")
    loser = serializers.CharField(help_text="The profile id that was merged into it, and resolves to it.")
    identifier_type = serializers.CharField()
    reason = serializers.CharField()
    decided_by = serializers.CharField(help_text="Empty where an event decided.")
    undone = UndoneSerializer(allow_null=True)


class MergesSerializer(serializers.Serializer):
    merges = MergeSerializer(many=True)
    next = serializers.IntegerField(allow_null=True, help_text="What to ask for as `before` to go on; null at the end.")


class MergeDecisionSerializer(serializers.Serializer):
    comment = serializers.CharField(max_length=MOST_COMMENT, help_text="Why. It stays with the decision.")


class MergesView(APIView):
    authentication_classes = ANYBODY
    permission_classes = (IsPerson,)

    @extend_schema(
        operation_id="merges_list",
        parameters=[
            OpenApiParameter("before", OpenApiTypes.INT, description="Merges with a lower id than this."),
            OpenApiParameter("limit", OpenApiTypes.INT, description=f"At most, 1 to {_MOST}; 100."),
        ],
        responses={200: MergesSerializer, **problems(400, 401, 403)},
    )
    @transaction.atomic
    def get(self, request: Request) -> Response:
        """List the merges, the latest first, with what became of them."""
        limit = _number(request, "limit", default=100, most=_MOST)
        before = _number(request, "before", default=None, most=2**62)
        rows = Merge.objects.select_related("undone__separation").order_by("-id")
        found = list((rows if before is None else rows.filter(pk__lt=before))[: limit + 1])
        shown = found[:limit]
        people = sorted({person for merge in shown for person in (merge.winner_id, merge.loser_id)})
        if people:
            access.record(
                actor=_actor(request), action="merge.list", profile_ids=people, purpose="administration",
                fields=("identifiers",), now=timezone.now(),
            )  # fmt: skip
        told = {"merges": list(map(_told, shown)), "next": shown[-1].pk if len(found) > limit else None}
        return Response(MergesSerializer(told).data)


class _DecisionView(APIView):
    authentication_classes = ANYBODY
    parser_classes = (StrictJSONParser,)
    permission_classes = (person_with(*DECIDERS),)

    def handle_exception(self, error: Exception) -> Any:
        if isinstance(error, UnmergeError):
            named = (FieldError("comment", error.message),) if error.code == "comment_required" else ()
            error = Problem(_STATUS[error.code], error.code, error.message, named)
        return super().handle_exception(error)

    def _comment(self, request: Request) -> str:
        given = MergeDecisionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        comment: str = given.validated_data["comment"]
        return comment


class UndoMergeView(_DecisionView):
    @extend_schema(
        operation_id="merges_undo",
        request=MergeDecisionSerializer,
        responses={200: MergeSerializer, **problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, id: int) -> Response:
        """Make two people of the two that were merged, as if the merge had never been, and keep them apart."""
        unmerging.unmerge(merge_id=id, by=_person(request), comment=self._comment(request), now=timezone.now())
        return _answer(id)


class RejoinMergeView(_DecisionView):
    @extend_schema(
        operation_id="merges_rejoin",
        request=MergeDecisionSerializer,
        responses={200: MergeSerializer, **problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, id: int) -> Response:
        """Take the undoing of a merge back: what events say about the two counts again."""
        unmerging.rejoin(merge_id=id, by=_person(request), comment=self._comment(request), now=timezone.now())
        return _answer(id)


def _answer(id: int) -> Response:
    return Response(MergeSerializer(_told(Merge.objects.select_related("undone__separation").get(pk=id))).data)


def _told(merge: Merge) -> dict[str, Any]:
    undone = getattr(merge, "undone", None)
    return {
        "id": merge.pk,
        "at": merge.at,
        "winner": to_public(merge.winner_id),
        "loser": to_public(merge.loser_id),
        "identifier_type": merge.identifier_type,
        "reason": merge.reason,
        "decided_by": merge.decided_by,
        "undone": None if undone is None else {
            "at": undone.at,
            "decided_by": undone.decided_by,
            "comment": undone.comment,
            "lifted_at": undone.separation.lifted_at,
            "lifted_by": undone.separation.lifted_by,
            "lifted_comment": undone.separation.lifted_comment,
        },
    }  # fmt: skip


def _number(request: Request, name: str, *, default: Any, most: int) -> Any:
    given = request.query_params.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 20 and 1 <= int(given) <= most):
        told = f"Write a whole number from 1 to {most}."
        raise Problem(400, "invalid", f"{name}: {told}", (FieldError(name, told),))
    return int(given)


def _person(request: Request) -> Any:
    return request.user


def _actor(request: Request) -> Actor:
    return Actor.person(_person(request))
