"""/v1/tokens: a person exchanges user name, password and one-time password for a token to use in scripts."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.utils import timezone
from django_otp import match_token
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp import person_tokens
from cdp.api.parsers import StrictJSONParser
from cdp.api.schema import problems
from cdp.models import User
from cdp.problems import Problem

LONGEST_DAYS = 90


class TokenRequestSerializer(serializers.Serializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=500, trim_whitespace=False)
    one_time_password = serializers.CharField(max_length=20, required=False, allow_blank=True, default="")
    name = serializers.CharField(max_length=100, required=False, default="script")
    days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS, required=False, default=7)


class TokenSerializer(serializers.Serializer):
    token = serializers.CharField(help_text="Told this once.")
    expires_at = serializers.DateTimeField()


class TokensView(APIView):
    authentication_classes: tuple[Any, ...] = ()
    permission_classes: tuple[Any, ...] = ()
    parser_classes = (StrictJSONParser,)

    @extend_schema(
        operation_id="tokens_issue",
        request=TokenRequestSerializer,
        responses={201: TokenSerializer, **problems(400, 401, 429)},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Issue a personal token: it acts as you, with your roles, until it expires."""
        wanted = TokenRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        given, now = wanted.validated_data, timezone.now()
        user = _signed_in(request, given)
        row, token = person_tokens.issue(
            user=user, name=given["name"], now=now, expires_at=now + timedelta(days=given["days"])
        )
        return Response(TokenSerializer({"token": token, "expires_at": row.expires_at}).data, status=201)


def _signed_in(request: Request, given: dict[str, Any]) -> User:
    # The same back-ends as the admin's login: axes counts the failures of both together.
    plain: Any = request._request
    user = authenticate(plain, username=given["username"], password=given["password"])
    if getattr(plain, "axes_locked_out", False):
        plain.axes_locked_out = False  # else axes' middleware puts the admin's page in place of the problem
        wait = str(int(settings.AXES_COOLOFF_TIME * 3600))
        raise Problem(429, "locked_out", "Too many wrong passwords. Try again later.", headers={"Retry-After": wait})
    if not isinstance(user, User):
        raise Problem(401, "not_signed_in", "User name or password is wrong.")
    code = given["one_time_password"]
    if settings.CDP_REQUIRE_OTP and (not code or match_token(user, code) is None):
        raise Problem(401, "one_time_password_required", "The one-time password is missing or wrong.")
    return user
