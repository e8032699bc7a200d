"""The lifecycle over REST. Each verb is one call; a person's session or token is needed, never an application's key.

An app writes `class SegmentGovernance(GovernedViewSet): governed = SEGMENTS` and registers it with a DRF router
(`SimpleRouter(trailing_slash=False)`).
"""

from typing import Any, ClassVar

from django.db import IntegrityError, transaction
from django.db.models import Prefetch
from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from cdp.api.authentication import ANYBODY
from cdp.api.parsers import StrictJSONParser
from cdp.api.permissions import person_with
from cdp.api.schema import problems
from cdp.governance import lifecycle
from cdp.governance.differences import differences
from cdp.governance.errors import CommentRequired, ContentInvalid, GovernanceError, NotAllowed, WrongState
from cdp.governance.governed import Governed, governed_of
from cdp.governance.models import DecisionKind, GovernedHead, GovernedVersion, State
from cdp.governance.standing import standing_of
from cdp.problems import FieldError, Problem
from cdp.roles import Role

_STATUS: dict[type[GovernanceError], int] = {
    NotAllowed: 403,
    WrongState: 409,
    CommentRequired: 400,
    ContentInvalid: 422,
}


def as_problem(error: GovernanceError) -> Problem:
    """Say a refusal of the lifecycle as a problem: 403, 409, 400 or 422."""
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 400)
    return Problem(status, error.code, error.message, error.errors)


class DecisionSerializer(serializers.Serializer):
    decision = serializers.ChoiceField(choices=DecisionKind.choices)
    comment = serializers.CharField()
    decided_by = serializers.CharField(source="decided_by.username")
    content_hash = serializers.CharField()
    at = serializers.DateTimeField()
    remark = serializers.CharField(default="", help_text="What the platform noted with it, such as moved evidence.")


class VersionSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=State.choices)
    content = serializers.JSONField()
    content_hash = serializers.CharField()
    copied_from = serializers.IntegerField(allow_null=True)
    author_ids = serializers.ListField(child=serializers.IntegerField())
    created_by = serializers.CharField(source="created_by.username")
    created_at = serializers.DateTimeField()
    submitted_by = serializers.CharField(source="submitted_by.username", allow_null=True, default=None)
    submitted_at = serializers.DateTimeField(allow_null=True)
    evidence = serializers.JSONField()
    decided_at = serializers.DateTimeField(allow_null=True)
    standing = serializers.SerializerMethodField(
        help_text="Of a version in review: whose approval is missing, or what an approved one waits for."
    )
    decisions = DecisionSerializer(many=True)

    def get_standing(self, version: Any) -> str | None:
        standing = standing_of(governed_of(version.head), version, now=timezone.now())
        return None if standing is None else standing.told


class HeadSerializer(serializers.Serializer):
    key = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    owner = serializers.CharField(source="owner.username", allow_null=True, default=None)
    created_at = serializers.DateTimeField()
    live_version = serializers.IntegerField(source="live_version.number", allow_null=True, default=None)


class HeadWithVersionsSerializer(HeadSerializer):
    versions = VersionSerializer(many=True)


class NewHeadSerializer(serializers.Serializer):
    key = serializers.RegexField(r"^[a-z][a-z0-9_-]*\Z", max_length=100)
    name = serializers.CharField(max_length=200)
    description = serializers.CharField(required=False, allow_blank=True, default="")
    content = serializers.JSONField(required=False, help_text="When given, the first draft is made of it at once.")


class DescribeSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=200, required=False)
    description = serializers.CharField(required=False, allow_blank=True)


class ContentSerializer(serializers.Serializer):
    content = serializers.JSONField()
    content_hash = serializers.CharField(
        required=False, default=None, allow_null=True, help_text="The hash you began from; another one in store: 409."
    )


class NewContentSerializer(serializers.Serializer):
    content = serializers.JSONField()


class CommentSerializer(serializers.Serializer):
    comment = serializers.CharField(required=False, allow_blank=True, default="", help_text="Needed: why.")


class VerdictSerializer(CommentSerializer):
    content_hash = serializers.CharField(
        required=False,
        default=None,
        allow_null=True,
        help_text="The hash of what you looked at. Give it: an edit since then is then refused with 409.",
    )


class DifferenceSerializer(serializers.Serializer):
    path = serializers.CharField(help_text="JSON pointer into the content.")
    change = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


_NUMBER = OpenApiParameter("number", OpenApiTypes.INT, OpenApiParameter.PATH)
_VERSION = r"versions/(?P<number>[0-9]{1,9})"


def _verb(request: Any, *, status: int = 200, answer: Any = VersionSerializer, on_version: bool = True) -> Any:
    return extend_schema(
        request=request,
        responses={status: answer, **problems(400, 401, 403, 404, 409, 422)},
        parameters=[_NUMBER] if on_version else [],
    )


class GovernedViewSet(GenericViewSet):
    """Heads with their versions, and the verbs. The subclass names its `governed` type."""

    governed: ClassVar[Governed]
    authentication_classes = ANYBODY
    parser_classes = (StrictJSONParser,)
    permission_classes = (person_with(*Role),)
    lookup_field = "key"
    lookup_value_regex = "[a-z][a-z0-9_-]*"
    serializer_class: Any = HeadSerializer
    pagination_class = None
    filter_backends: tuple[Any, ...] = ()

    def get_queryset(self) -> Any:
        return self.governed.head._default_manager.select_related("owner", "live_version").order_by("key")

    def handle_exception(self, error: Exception) -> Any:
        if isinstance(error, GovernanceError):
            error = as_problem(error)
        return super().handle_exception(error)

    @extend_schema(responses={200: HeadSerializer(many=True), **problems(401, 403)})
    def list(self, request: Request) -> Response:
        """List the objects, without their versions."""
        return Response(HeadSerializer(self.get_queryset(), many=True).data)

    @_verb(NewHeadSerializer, status=201, answer=HeadWithVersionsSerializer, on_version=False)
    def create(self, request: Request) -> Response:
        """Create an object, and its first draft when content is given."""
        given = self._given(NewHeadSerializer)
        now, content = timezone.now(), given.pop("content", None)
        with transaction.atomic():
            head = self._create(given, now=now)
            if content is not None:
                lifecycle.draft(head=head, content=content, by=self._person, now=now)
        return self._answer(head.key, status=201)

    @extend_schema(responses={200: HeadWithVersionsSerializer, **problems(401, 403, 404)})
    def retrieve(self, request: Request, key: str) -> Response:
        """Read an object with all its versions and their decisions, newest first."""
        return self._answer(key)

    @_verb(DescribeSerializer, answer=HeadWithVersionsSerializer, on_version=False)
    def partial_update(self, request: Request, key: str) -> Response:
        """Change name or description; the content has versions instead."""
        lifecycle.describe(head=self._head(key), by=self._person, now=timezone.now(), **self._given(DescribeSerializer))
        return self._answer(key)

    @_verb(NewContentSerializer, status=201, on_version=False)
    @action(detail=True, methods=["post"], url_path="versions", url_name="draft")
    def draft(self, request: Request, key: str) -> Response:
        """Add a draft version."""
        content = self._given(NewContentSerializer)["content"]
        version = lifecycle.draft(head=self._head(key), content=content, by=self._person, now=timezone.now())
        return self._version_answer(key, version.number, status=201)

    @extend_schema(responses={200: VersionSerializer, **problems(401, 403, 404)}, parameters=[_NUMBER])
    @action(detail=True, methods=["get"], url_path=_VERSION, url_name="version")
    def version(self, request: Request, key: str, number: str) -> Response:
        """Read one version."""
        return self._version_answer(key, number)

    @_verb(ContentSerializer)
    @version.mapping.patch
    def edit(self, request: Request, key: str, number: str) -> Response:
        """Replace the content of a draft; a request for approval becomes void by it."""
        given = self._given(ContentSerializer)
        lifecycle.edit(
            version=self._version(key, number),
            content=given["content"],
            seen_hash=given["content_hash"],
            by=self._person,
            now=timezone.now(),
        )
        return self._version_answer(key, number)

    @_verb(None)
    @action(detail=True, methods=["post"], url_path=f"{_VERSION}/submit", url_name="submit")
    def submit(self, request: Request, key: str, number: str) -> Response:
        """Ask for approval: content and evidence are frozen."""
        lifecycle.submit(version=self._version(key, number), by=self._person, now=timezone.now())
        return self._version_answer(key, number)

    @_verb(None)
    @action(detail=True, methods=["post"], url_path=f"{_VERSION}/withdraw", url_name="withdraw")
    def withdraw(self, request: Request, key: str, number: str) -> Response:
        """Give up a draft or a request for approval."""
        lifecycle.withdraw(version=self._version(key, number), by=self._person, now=timezone.now())
        return self._version_answer(key, number)

    @_verb(VerdictSerializer)
    @action(detail=True, methods=["post"], url_path=f"{_VERSION}/approve", url_name="approve")
    def approve(self, request: Request, key: str, number: str) -> Response:
        """Approve the version: live with the last approval it needs. None of its authors may; a comment is needed."""
        lifecycle.approve(version=self._version(key, number), by=self._person, now=timezone.now(), **self._verdict())
        return self._version_answer(key, number)

    @_verb(VerdictSerializer)
    @action(detail=True, methods=["post"], url_path=f"{_VERSION}/reject", url_name="reject")
    def reject(self, request: Request, key: str, number: str) -> Response:
        """Refuse the version, for good; a comment is needed."""
        lifecycle.reject(version=self._version(key, number), by=self._person, now=timezone.now(), **self._verdict())
        return self._version_answer(key, number)

    @_verb(CommentSerializer, status=201)
    @action(detail=True, methods=["post"], url_path=f"{_VERSION}/roll-back", url_name="roll-back")
    def roll_back(self, request: Request, key: str, number: str) -> Response:
        """Copy a version that was live into a new one, and ask for its approval; a comment is needed."""
        to_version = self._version(key, number)
        version = lifecycle.roll_back(
            head=to_version.head,
            to_version=to_version,
            comment=self._given(CommentSerializer)["comment"],
            by=self._person,
            now=timezone.now(),
        )
        return self._version_answer(key, version.number, status=201)

    @_verb(CommentSerializer, answer=HeadWithVersionsSerializer, on_version=False)
    @action(detail=True, methods=["post"], url_path="retire", url_name="retire")
    def retire(self, request: Request, key: str) -> Response:
        """Take the live version out of use; a comment is needed."""
        comment = self._given(CommentSerializer)["comment"]
        lifecycle.retire(head=self._head(key), comment=comment, by=self._person, now=timezone.now())
        return self._answer(key)

    @extend_schema(
        responses={200: DifferenceSerializer(many=True), **problems(400, 401, 403, 404)},
        parameters=[
            OpenApiParameter("from", OpenApiTypes.INT, required=True, description="Number of the earlier version."),
            OpenApiParameter("to", OpenApiTypes.INT, required=True, description="Number of the later version."),
        ],
    )
    @action(detail=True, methods=["get"], url_path="diff", url_name="diff")
    def diff(self, request: Request, key: str) -> Response:
        """List what changed from one version to another."""
        before, after = (self._version(key, self._query_number(name)) for name in ("from", "to"))
        return Response(DifferenceSerializer(differences(before.content, after.content), many=True).data)

    @property
    def _person(self) -> Any:
        return self.request.user

    def _given(self, serializer: type[serializers.Serializer]) -> dict[str, Any]:
        wanted = serializer(data=self.request.data)
        wanted.is_valid(raise_exception=True)
        return dict(wanted.validated_data)

    def _verdict(self) -> dict[str, Any]:
        given = self._given(VerdictSerializer)
        return {"comment": given["comment"], "seen_hash": given["content_hash"]}

    def _query_number(self, name: str) -> str:
        number = self.request.query_params.get(name, "")
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise Problem(400, "invalid", f"{name}: write the number of a version.", (FieldError(name, "is needed"),))
        return number

    def _create(self, given: dict[str, Any], *, now: Any) -> GovernedHead:
        taken = Problem(409, "key_taken", "The key is taken.", (FieldError("key", "is taken"),))
        if self.governed.head._default_manager.filter(key=given["key"]).exists():
            raise taken
        try:
            with transaction.atomic():
                head: GovernedHead = lifecycle.create(governed=self.governed, by=self._person, now=now, **given)
        except IntegrityError as error:  # somebody was quicker by a moment
            raise taken from error
        return head

    def _head(self, key: str) -> Any:
        head = self.get_queryset().filter(key=key).first()
        if head is None:
            raise Http404
        return head

    def _version(self, key: str, number: str | int) -> GovernedVersion:
        found: GovernedVersion | None = self._versions().filter(head__key=key, number=number).first()
        if found is None:
            raise Http404
        return found

    def _versions(self) -> Any:
        decisions = self.governed.decision._default_manager.select_related("decided_by").order_by("pk")
        return (
            self.governed.version._default_manager.select_related("head", "created_by", "submitted_by")
            .prefetch_related(Prefetch("decisions", queryset=decisions))
            .order_by("-number")
        )

    def _answer(self, key: str, *, status: int = 200) -> Response:
        head = self.get_queryset().prefetch_related(Prefetch("versions", queryset=self._versions())).filter(key=key)
        found = head.first()
        if found is None:
            raise Http404
        return Response(HeadWithVersionsSerializer(found).data, status=status)

    def _version_answer(self, key: str, number: str | int, *, status: int = 200) -> Response:
        return Response(VersionSerializer(self._version(key, number)).data, status=status)
