"""Who is calling: an application by its key, or a person by a session or a personal token."""

import base64
import binascii
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from cdp import api_keys, person_tokens, tokens
from cdp.access import Actor
from cdp.api_keys import KeyFacts
from cdp.models import User


class KeyUser(AnonymousUser):
    """Stands where REST framework wants a user while an application is calling; it holds no role."""

    def __init__(self, facts: KeyFacts) -> None:
        self.facts = facts

    @property
    def is_authenticated(self) -> bool:  # type: ignore[override]
        return True

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        return False


def actor_of(request: Request) -> Actor:
    """Say who asks, an application or a person, as the access record names them."""
    caller: Any = request.user
    return Actor.key(caller.facts) if isinstance(caller, KeyUser) else Actor.person(caller)


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`, or Basic with the key as user name. `request.auth` becomes the KeyFacts."""

    def authenticate(self, request: Request) -> tuple[KeyUser, KeyFacts] | None:
        shown = shown_token(request)
        if shown is None or _is_person_token(shown):
            return None
        facts = api_keys.authenticate(shown, now=timezone.now())
        if facts is None:
            raise AuthenticationFailed("The key is unknown, revoked or expired.", "invalid_key")
        return KeyUser(facts), facts

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class PersonTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <personal token>`: the request acts as its holder."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        shown = shown_token(request)
        if shown is None or not _is_person_token(shown):
            return None
        user = person_tokens.authenticate(shown, now=timezone.now())
        if user is None:
            raise AuthenticationFailed("The token is unknown, revoked or expired.", "invalid_token")
        return user, "token"

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class PersonSessionAuthentication(SessionAuthentication):
    """The admin's session, with CSRF protection and, where it is required, a one-time password."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        found = super().authenticate(request)
        if found is not None and not signed_in_fully(request._request):
            raise AuthenticationFailed("Sign in with your one-time password first.", "one_time_password_required")
        return found


def signed_in_fully(request: HttpRequest) -> bool:
    """Say whether the session has passed everything that signing in asks for."""
    user: Any = request.user
    return bool(user.is_authenticated and (not settings.CDP_REQUIRE_OTP or user.is_verified()))


def shown_token(request: Any) -> str | None:
    """Return what the Authorization header carries, None when it carries nothing that could be ours."""
    scheme, _, value = get_authorization_header(request).partition(b" ")
    match scheme.lower():
        case b"bearer":
            return value.strip().decode("latin-1")
        case b"basic":
            return _user_of_basic(value)
    return None


def _user_of_basic(value: bytes) -> str:
    try:
        return base64.b64decode(value.strip(), validate=True).decode("latin-1").partition(":")[0]
    except (binascii.Error, ValueError):
        return ""


def _is_person_token(shown: str) -> bool:
    parsed = tokens.parse(shown)
    return parsed is not None and parsed.kind == person_tokens.KIND


#: For what an application may do; persons come along with their roles.
ANYBODY = (KeyAuthentication, PersonTokenAuthentication, PersonSessionAuthentication)
