"""GET /v1/profiles/{type}:{value}/segments/{key}/why: why somebody is or was in a segment, or why not."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
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
from cdp.problems import FieldError, Problem
from cdp.roles import Role
from profiles.api.disclosure import check_type
from profiles.api.profile import NAME_TYPE, WithheldSerializer
from profiles.api.reads import Withheld
from profiles.identity.past import person_of
from profiles.queries import find_origin
from segments import past_reasons, reason_trees, reasons
from segments.api.reading import Reader, reader_of
from segments.content import rule_of
from segments.freshness import Freshness
from segments.models import Membership
from segments.past_reasons import Asked, NotThen
from segments.reason_trees import Blind
from segments.reasons import Reasons
from segments.rules.nodes import Rule, TraitLeaf, leaves_of
from segments.standpoint import Known


@extend_schema_field(OpenApiTypes.OBJECT)
class TreeField(serializers.JSONField):
    """A node: path, sentence, holds (null: unknown), and observed at a leaf or children at a combination.

    A leaf also says whether it stands `in_the_way` of the other answer, what it was compared with where that is taken
    from the population (`threshold`), the newest of the `events` it rests on with `events_total`, or the `consent`
    that decides. Of a condition on a withheld trait, and of what it is combined into, only path and children are told.
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
    smallest = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()),
        allow_null=True,
        help_text="The smallest sets of leaves, by path, that would have to change for the other answer, first ones"
        " first; ten at most. null, or none, where something is withheld.",
    )
    stay = StaySerializer(allow_null=True, help_text="The stay at that moment, or the latest before it.")
    status = serializers.ChoiceField(
        choices=[state.value for state in Freshness],
        help_text="Of the segment: whether everybody has been judged by the live version. This person has.",
    )
    as_of = serializers.DateTimeField()
    known = serializers.ChoiceField(
        choices=[known.value for known in Known],
        allow_null=True,
        help_text="Whose knowledge an answer about the past rests on; null for one about now.",
    )
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
            OpenApiParameter("at", datetime, description="A moment of the past; now when left out."),
            OpenApiParameter(
                "known",
                str,
                enum=[known.value for known in Known],
                description="With `at`: what was known then, or the same moment as it is known today.",
            ),
        ],
        responses={200: WhySerializer, **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, type: str, value: str, key: str) -> Response:
        """Explain one segment for one person, with what every part of the rule observed."""
        reader, now = reader_of(request), timezone.now()
        origin, asked = _origin(type, value), _moment(request, now)
        try:
            found = (
                reasons.why(profile_id=origin, key=key, now=now)
                if asked is None
                else past_reasons.why_at(origin_id=origin, key=key, asked=asked)
            )
        except NotThen as refused:
            raise Problem(404, refused.code, refused.message) from None
        if found is None:
            raise Problem(404, "segment_not_live", "There is no live segment under this key.")
        fields = {"segments", *_traits(found), *_events(found)}
        hidden = reader.withheld(profile_ids=[_read(found)], fields=fields, now=now).get(_read(found), ())
        _record(reader, found, key, fields, hidden, now=now)
        return Response(WhySerializer(_answer(found, hidden)).data)


def _record(
    reader: Reader, found: Reasons, key: str, fields: set[str], hidden: tuple[Withheld, ...], *, now: datetime
) -> None:
    basis = {"segment": key, "version": found.segment.number}
    if found.known is not None:
        basis |= {"at": found.as_of.isoformat(), "known": found.known.value}
    reader.record(
        action="segment.why", profile_ids=[_read(found)], fields=fields, now=now, basis=basis, withheld=hidden
    )


def _read(found: Reasons) -> int:
    """Who is read, as they are now: their consent of today decides, whoever they were then."""
    return person_of(origin_id=found.profile_id) or found.profile_id


def _origin(type: str, value: str) -> int:
    check_type(type)
    origin = find_origin(type=type, value=value)
    if origin is None:
        raise Problem(404, "not_found", "There is nobody under this name.")
    return origin


def _moment(request: Request, now: datetime) -> Asked | None:
    at, known = request.query_params.get("at", ""), request.query_params.get("known", "")
    if known and known not in [one.value for one in Known]:
        raise _invalid("known", "known is then or today.")
    if not at:
        if known:
            raise _invalid("at", "known asks about a moment of the past: name it in at.")
        return None
    moment = _parsed(at)
    if moment > now:
        raise _invalid("at", "at lies in the future.")
    return Asked(moment, Known(known) if known else Known.THEN)


def _parsed(at: str) -> datetime:
    # A plus sign that was not escaped arrives as a space.
    try:
        moment = parse_datetime(at.replace(" ", "+") if "T" in at else at)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _invalid("at", "at is a moment with its offset, as 2026-03-03T12:00:00Z.")
    return moment


def _invalid(field: str, message: str) -> Problem:
    return Problem(400, "invalid", message, (FieldError(field, message),))


def _traits(found: Reasons) -> Iterator[str]:
    """What is told of: the live rule's traits, and those that the frozen evidence is about."""
    for rule in (found.segment.rule, *_frozen_rules(found.stay)):
        for _, leaf in leaves_of(rule):
            if isinstance(leaf, TraitLeaf):
                yield f"traits.{leaf.trait}"


def _events(found: Reasons) -> Iterator[str]:
    """The events that leaves rest on, by their names."""
    for ground in found.seen.grounds.values():
        yield from (f"events.{event.name}" for event in ground.events)


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
    blind = _blind(found, fields)
    return {
        "id": to_public(found.profile_id),
        "segment": found.segment.key,
        "version": found.segment.number,
        "approved": found.approval,
        "is_member": found.is_member if told else None,
        "changes_at": found.seen.changes_at if told and not blind.paths else None,
        "explanation": reason_trees.as_tree(found.seen, blind=blind) if told else None,
        "smallest": reason_trees.smallest(found.seen, blind=blind) if told else None,
        "stay": _stay(found.stay, fields) if told and found.stay else None,
        "status": found.freshness,
        "as_of": found.as_of,
        "known": found.known,
        "withheld": hidden,
    }


def _blind(found: Reasons, fields: set[str]) -> Blind:
    paths = {
        path
        for path, leaf in leaves_of(found.segment.rule)
        if isinstance(leaf, TraitLeaf) and _is_hidden(leaf.trait, fields)
    }
    events = {
        path
        for path, ground in found.seen.grounds.items()
        if fields & {"events", *(f"events.{event.name}" for event in ground.events)}
    }
    return Blind(paths, events)


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
