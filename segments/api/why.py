"""GET /v1/profiles/{type}:{value}/segments/{key}/why: why somebody is in a segment, or why not."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp.api.authentication import ANYBODY
from cdp.api.permissions import key_with
from cdp.api.schema import problems
from cdp.ids import to_public
from cdp.models import Scope
from cdp.problems import Problem
from cdp.roles import Role
from profiles.api.disclosure import check_type
from profiles.api.profile import NAME_TYPE, WithheldSerializer
from profiles.api.reads import Withheld
from profiles.queries import find_profile
from segments import reasons
from segments.api.reading import reader_of
from segments.content import rule_of
from segments.models import Membership
from segments.reasons import Reasons
from segments.rules.nodes import Rule, TraitLeaf, leaves_of


@extend_schema_field(OpenApiTypes.OBJECT)
class TreeField(serializers.JSONField):
    """A node: path, sentence, holds (null: unknown), and observed at a leaf or children at a combination.

    Of a condition on a withheld trait, and of what it is combined into, only path and children are told.
    """


class ApprovalSerializer(serializers.Serializer):
    by = serializers.CharField()
    at = serializers.DateTimeField()
    comment = serializers.CharField()


class StaySerializer(serializers.Serializer):
    entered_at = serializers.DateTimeField()
    cause = serializers.CharField()
    version = serializers.IntegerField(help_text="The version the person entered under.")
    evidence = serializers.JSONField(
        allow_null=True, help_text="What the leaves saw at that moment; frozen. null: a trait in it is withheld."
    )
    left_at = serializers.DateTimeField(allow_null=True)
    left_cause = serializers.CharField(allow_null=True)
    left_version = serializers.IntegerField(allow_null=True)
    evidence_left = serializers.JSONField(allow_null=True)


class WhySerializer(serializers.Serializer):
    id = serializers.CharField()
    segment = serializers.CharField()
    version = serializers.IntegerField(help_text="The live version that answers.")
    approved = ApprovalSerializer(allow_null=True)
    is_member = serializers.BooleanField(allow_null=True, help_text="null: withheld.")
    changes_at = serializers.DateTimeField(
        allow_null=True,
        help_text="When time alone will next change the answer. null also where a trait in the rule is withheld.",
    )
    explanation = TreeField(allow_null=True)
    stay = StaySerializer(allow_null=True, help_text="The current stay, or the latest one.")
    as_of = serializers.DateTimeField()
    withheld = WithheldSerializer(many=True)


class WhyView(APIView):
    authentication_classes = ANYBODY
    permission_classes = (key_with(Scope.SEGMENTS_READ, *Role),)

    @extend_schema(
        operation_id="profiles_why",
        parameters=[
            NAME_TYPE,
            OpenApiParameter("value", str, OpenApiParameter.PATH),
            OpenApiParameter("key", str, OpenApiParameter.PATH),
            OpenApiParameter("purpose", str, description="May only repeat the purpose of the key."),
        ],
        responses={200: WhySerializer, **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, type: str, value: str, key: str) -> Response:
        """Explain one segment for one person, with what every part of the rule observed."""
        reader, now = reader_of(request), timezone.now()
        found = reasons.why(profile_id=_person(type, value), key=key, now=now)
        if found is None:
            raise Problem(404, "segment_not_live", "There is no live segment under this key.")
        fields = {"segments", *_traits(found)}
        hidden = reader.withheld(profile_ids=[found.profile_id], fields=fields, now=now).get(found.profile_id, ())
        reader.record(
            action="segment.why",
            profile_ids=[found.profile_id],
            fields=fields,
            now=now,
            basis={"segment": key, "version": found.segment.number},
            withheld=hidden,
        )
        return Response(WhySerializer(_answer(found, hidden)).data)


def _person(type: str, value: str) -> int:
    check_type(type)
    profile_id = find_profile(type=type, value=value)
    if profile_id is None:
        raise Problem(404, "not_found", "There is nobody under this name.")
    return profile_id


def _traits(found: Reasons) -> Iterator[str]:
    """What is told of: the live rule's traits, and those that the frozen evidence is about."""
    for rule in (found.segment.rule, *_frozen_rules(found.stay)):
        for _, leaf in leaves_of(rule):
            if isinstance(leaf, TraitLeaf):
                yield f"traits.{leaf.trait}"


def _frozen_rules(stay: Membership | None) -> Iterator[Rule]:
    if stay is not None:
        yield rule_of(stay.version.content)
        if stay.left_version is not None:
            yield rule_of(stay.left_version.content)


def _answer(found: Reasons, hidden: tuple[Withheld, ...]) -> Mapping[str, Any]:
    """Everything, or, where the purpose hides the segment, only that; single hidden traits hide what would tell them.

    The moment of change is among it: it lies a fixed time after a date that the rule compares.
    """
    fields = {one.field for one in hidden}
    told = not fields & {"segments", "*"}
    blind = {
        path
        for path, leaf in leaves_of(found.segment.rule)
        if isinstance(leaf, TraitLeaf) and _is_hidden(leaf.trait, fields)
    }
    return {
        "id": to_public(found.profile_id),
        "segment": found.segment.key,
        "version": found.segment.number,
        "approved": found.approval,
        "is_member": found.is_member if told else None,
        "changes_at": found.changes_at if told and not blind else None,
        "explanation": reasons.as_tree(found.explanation, blind=blind) if told else None,
        "stay": _stay(found.stay, fields) if told and found.stay else None,
        "as_of": found.as_of,
        "withheld": hidden,
    }


def _is_hidden(trait: str, fields: set[str]) -> bool:
    return bool(fields & {"traits", f"traits.{trait}"})


def _stay(stay: Membership, fields: set[str]) -> Mapping[str, Any]:
    """The frozen evidence names no traits, so one hidden trait of the rules it may be about hides all of it."""
    blind = any(
        isinstance(leaf, TraitLeaf) and _is_hidden(leaf.trait, fields)
        for rule in _frozen_rules(stay)
        for _, leaf in leaves_of(rule)
    )
    return {
        "entered_at": stay.entered_at,
        "cause": stay.cause,
        "version": stay.version.number,
        "evidence": None if blind else stay.evidence,
        "left_at": stay.left_at,
        "left_cause": stay.left_cause,
        "left_version": stay.left_version.number if stay.left_version else None,
        "evidence_left": None if blind else stay.evidence_left,
    }
