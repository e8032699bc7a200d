"""Destinations over REST: the lifecycle with secrets and the switch, every attempt, and sending again."""

from typing import Any

from django.db import transaction
from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp import access, keyset
from cdp.access import Actor
from cdp.api.authentication import ANYBODY
from cdp.api.parsers import StrictJSONParser
from cdp.api.permissions import person_with
from cdp.api.schema import problems
from cdp.governance.api import GovernedViewSet
from cdp.problems import FieldError, Problem
from cdp.roles import Role
from consent.ledger import public_id
from segments.delivery import governing, issuing, queries, replaying, switching
from segments.delivery.messages import TYPES, person_of, read_id, spelled_id
from segments.delivery.refusals import DeliveryRefused
from segments.delivery.rights import REPLAYERS, SECRET_HOLDERS, STARTERS, STOPPERS
from segments.models import AttemptKind, Delivery, DeliveryAttempt, DeliveryState, Destination, DestinationSecret

_MOST = 1_000
_OUTCOMES = ("delivered", "failed", "gone", "withheld", "under way")


class SecretSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    created_by = serializers.CharField(source="created_by.username")
    created_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)


class IssuedSecretSerializer(SecretSerializer):
    secret = serializers.CharField(help_text="whsec_…, told this once: it is stored encrypted and never shown again.")


class ReasonSerializer(serializers.Serializer):
    reason = serializers.CharField(max_length=500, help_text="Why: it stays on record.")


class DestinationStateSerializer(serializers.Serializer):
    on = serializers.BooleanField(help_text="Live, and not switched off.")
    off_since = serializers.DateTimeField(allow_null=True)
    off_because = serializers.CharField()
    failing_since = serializers.DateTimeField(allow_null=True)
    paused_until = serializers.DateTimeField(allow_null=True)
    waiting = serializers.IntegerField(help_text=f"Messages that wait, counted up to {queries.COUNTED_UP_TO}.")
    dead = serializers.IntegerField(help_text=f"Messages given up, counted up to {queries.COUNTED_UP_TO}.")


class DeadReplayedSerializer(serializers.Serializer):
    messages = serializers.IntegerField(help_text="How many go out again.")
    left = serializers.IntegerField(help_text="How many wait still: ask again.")


class AttemptSerializer(serializers.Serializer):
    message_id = serializers.CharField(help_text="The webhook-id, the same at every attempt.")
    type = serializers.CharField(help_text="What the message tells, such as profile.segment.entered.")
    segment = serializers.CharField()
    person = serializers.CharField(help_text="The person as this destination knows them.")
    number = serializers.IntegerField(help_text="Which attempt of this message it was.")
    at = serializers.DateTimeField()
    outcome = serializers.ChoiceField(choices=_OUTCOMES)
    status = serializers.IntegerField(allow_null=True, help_text="The receiver's status code.")
    reason = serializers.CharField(help_text="Why it failed or was withheld.")
    milliseconds = serializers.IntegerField(allow_null=True)
    next_try_at = serializers.DateTimeField(allow_null=True)
    purpose = serializers.CharField()
    basis = serializers.CharField(help_text="The legal basis it relied on.")
    consent_entry = serializers.CharField(allow_null=True, help_text="The entry of the consent log that decided.")


class AttemptsSerializer(serializers.Serializer):
    attempts = AttemptSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="Pass it as `cursor` for the next page; null at the end.")


class DestinationGovernance(GovernedViewSet):
    governed = governing.DESTINATIONS

    def handle_exception(self, error: Exception) -> Any:
        return super().handle_exception(_as_problem(error))

    @extend_schema(responses={200: DestinationStateSerializer, **problems(401, 403, 404)})
    @action(detail=True, methods=["get"], url_path="state", url_name="state")
    def state(self, request: Request, key: str) -> Response:
        """Read whether it is on, how its receiver answers, and how much waits."""
        return Response(_state(self._head(key)))

    @extend_schema(responses={200: SecretSerializer(many=True), **problems(401, 403, 404)})
    @action(detail=True, methods=["get"], url_path="secrets", url_name="secrets",
            permission_classes=(person_with(*SECRET_HOLDERS),))  # fmt: skip
    def secrets(self, request: Request, key: str) -> Response:
        """List the signing secrets, without what they are."""
        rows = DestinationSecret.objects.filter(destination=self._head(key)).select_related("created_by")
        return Response(SecretSerializer(rows.order_by("-id"), many=True).data)

    @extend_schema(request=None, responses={201: IssuedSecretSerializer, **problems(401, 403, 404, 409)})
    @secrets.mapping.post
    def issue_secret(self, request: Request, key: str) -> Response:
        """Issue a signing secret. Two may be live: every message then carries a signature of each."""
        row, told = issuing.issue(destination=self._head(key), by=self._person, now=timezone.now())
        answer = {**SecretSerializer(row).data, "secret": told}
        return Response(answer, status=201, headers={"Cache-Control": "no-store"})

    @extend_schema(
        request=None,
        responses={200: SecretSerializer, **problems(401, 403, 404, 409)},
        parameters=[OpenApiParameter("secret_id", OpenApiTypes.INT, OpenApiParameter.PATH)],
    )
    @action(detail=True, methods=["post"], url_path=r"secrets/(?P<secret_id>[0-9]{1,18})/revoke",
            url_name="revoke-secret", permission_classes=(person_with(*SECRET_HOLDERS),))  # fmt: skip
    def revoke_secret(self, request: Request, key: str, secret_id: str) -> Response:
        """Sign with a secret no more. The last one of a live destination cannot be revoked."""
        rows = DestinationSecret.objects.filter(destination=self._head(key)).select_related("created_by")
        secret = rows.filter(pk=secret_id).first()
        if secret is None:
            raise Http404
        issuing.revoke(secret=secret, by=self._person, now=timezone.now())
        return Response(SecretSerializer(rows.get(pk=secret.pk)).data)

    @extend_schema(
        request=ReasonSerializer, responses={200: DestinationStateSerializer, **problems(400, 401, 403, 404, 409)}
    )
    @action(detail=True, methods=["post"], url_path="switch-off", url_name="switch-off",
            permission_classes=(person_with(*STOPPERS),))  # fmt: skip
    def switch_off(self, request: Request, key: str) -> Response:
        """Stop sending at once. What waits is given up, and can be sent again later."""
        head, reason = self._head(key), self._given(ReasonSerializer)["reason"]
        switching.switch_off(destination=head, by=self._person, reason=reason, now=timezone.now())
        return Response(_state(head))

    @extend_schema(
        request=ReasonSerializer, responses={200: DestinationStateSerializer, **problems(400, 401, 403, 404, 409)}
    )
    @action(detail=True, methods=["post"], url_path="switch-on", url_name="switch-on",
            permission_classes=(person_with(*STARTERS),))  # fmt: skip
    def switch_on(self, request: Request, key: str) -> Response:
        """Send again from now on, after somebody switched it off or its receiver answered 410."""
        head, reason = self._head(key), self._given(ReasonSerializer)["reason"]
        switching.switch_on(destination=head, by=self._person, reason=reason, now=timezone.now())
        return Response(_state(head))

    @extend_schema(request=None, responses={200: DeadReplayedSerializer, **problems(401, 403, 404, 409)})
    @action(detail=True, methods=["post"], url_path="replay", url_name="replay",
            permission_classes=(person_with(*REPLAYERS),))  # fmt: skip
    def replay(self, request: Request, key: str) -> Response:
        """Send again what was given up and was not overtaken by a later change, each under its own id."""
        done = replaying.replay_dead(destination=self._head(key), by=self._person, now=timezone.now())
        return Response(DeadReplayedSerializer(done).data)


class AttemptsView(APIView):
    authentication_classes = ANYBODY
    permission_classes = (person_with(*Role),)

    @extend_schema(
        operation_id="destination_attempts",
        parameters=[
            OpenApiParameter("cursor", str, description="`next` of the page before."),
            OpenApiParameter("limit", int, description=f"At most {_MOST}; 100 when absent."),
        ],
        responses={200: AttemptsSerializer, **problems(400, 401, 403, 404)},
    )
    @transaction.atomic
    def get(self, request: Request, key: str) -> Response:
        """List every attempt of a destination, newest first: the answer, the next try, the consent relied on."""
        destination = Destination.objects.filter(key=key).first()
        if destination is None:
            raise Http404
        page = keyset.page(
            queries.attempts(destination).order_by(), by="pk", size=_limit(request), older=_cursor(request)
        )
        access.record(
            actor=Actor.person(_person_of(request)),
            action="delivery.attempts",
            profile_ids=sorted({attempt.profile_id for attempt in page.rows}),
            purpose="administration",
            fields=["segments"],
            now=timezone.now(),
            basis={"destination": key},
        )
        told = {"attempts": [_attempt(row, destination) for row in page.rows], "next": _next(page.older)}
        return Response(AttemptsSerializer(told).data)


class ReplayMessageView(APIView):
    authentication_classes = ANYBODY
    parser_classes = (StrictJSONParser,)
    permission_classes = (person_with(*REPLAYERS),)

    @extend_schema(operation_id="delivery_replay", request=None, responses={204: None, **problems(401, 403, 404, 409)})
    def post(self, request: Request, message_id: str) -> Response:
        """Send one message again that was given up or withheld; consent is asked once more."""
        read = read_id(message_id)
        delivery = Delivery.objects.filter(message_id=read).first() if read else None
        if delivery is None:
            raise Http404
        replaying.replay(delivery=delivery, by=_person_of(request), now=timezone.now())
        return Response(status=204)

    def handle_exception(self, error: Exception) -> Any:
        return super().handle_exception(_as_problem(error))


def _as_problem(error: Exception) -> Exception:
    return Problem(409, error.code, error.message, error.errors) if isinstance(error, DeliveryRefused) else error


def _person_of(request: Request) -> Any:
    return request.user


def _state(head: Any) -> Any:
    found = queries.standing(Destination.objects.get(pk=head.pk), now=timezone.now())
    lane = found.lane
    return DestinationStateSerializer(
        {
            "on": found.is_on,
            "off_since": lane.off_since if lane else None,
            "off_because": lane.off_because if lane else "",
            "failing_since": lane.failing_since if lane else None,
            "paused_until": lane.paused_until if lane else None,
            "waiting": found.waiting,
            "dead": found.dead,
        }
    ).data


def _attempt(attempt: DeliveryAttempt, destination: Destination) -> dict[str, Any]:
    result, delivery = getattr(attempt, "result", None), attempt.delivery
    is_withheld = attempt.kind == AttemptKind.WITHHELD
    return {
        "message_id": spelled_id(delivery.message_id),
        "type": TYPES[delivery.told],
        "segment": delivery.segment.key,
        "person": person_of(destination=destination.key, profile_id=attempt.profile_id),
        "number": attempt.number,
        "at": attempt.at,
        "outcome": DeliveryState.WITHHELD.value if is_withheld else result.outcome if result else "under way",
        "status": result.status if result else None,
        "reason": attempt.code if is_withheld else result.reason if result else "",
        "milliseconds": result.milliseconds if result else None,
        "next_try_at": result.next_try_at if result else None,
        "purpose": attempt.purpose,
        "basis": attempt.basis,
        "consent_entry": public_id(attempt.consent_entry_id) if attempt.consent_entry_id is not None else None,
    }


def _limit(request: Request) -> int:
    limit = request.query_params.get("limit", "100")
    if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit[:9]) <= _MOST):
        raise _invalid("limit", f"limit is a number from 1 to {_MOST}.")
    return int(limit)


def _cursor(request: Request) -> keyset.Place | None:
    cursor = request.query_params.get("cursor", "")
    place = keyset.Place.parse(cursor) if cursor else None
    if cursor and place is None:
        raise _invalid("cursor", "This cursor was not made here.")
    return place


def _next(place: keyset.Place | None) -> str | None:
    return str(place) if place else None


def _invalid(field: str, message: str) -> Problem:
    return Problem(400, "invalid", message, (FieldError(field, message),))
