"""What the caller may do: a key by its scopes, a person by roles."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from cdp.api.authentication import KeyUser
from cdp.models import Scope, User
from cdp.problems import Problem
from cdp.roles import Role, has_role


class _Named(BasePermission):
    """Says no with a code of its own; REST framework's answer for nobody at all stays 401."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if isinstance(request.user, AnonymousUser) and not isinstance(request.user, KeyUser):
            return False
        problem = self.problem(request.user)
        if problem is not None:
            raise problem
        return True

    def problem(self, user: User | KeyUser) -> Problem | None:
        raise NotImplementedError


class IsPerson(_Named):
    """A person's session or token; never an application's key, whatever its scopes."""

    roles: tuple[Role, ...] = ()

    def problem(self, user: User | KeyUser) -> Problem | None:
        if isinstance(user, KeyUser):
            return Problem(403, "person_required", "This takes a person's session or token: a key is not enough.")
        if self.roles and not has_role(user, *self.roles):
            return Problem(403, "role_missing", f"This takes one of the roles: {', '.join(self.roles)}.")
        return None


def person_with(*roles: Role) -> type[IsPerson]:
    """Return the permission for persons who hold one of the roles."""
    return type("PersonWith", (IsPerson,), {"roles": roles})


class _ScopeOrRole(_Named):
    scope: Scope
    roles: tuple[Role, ...]

    def problem(self, user: User | KeyUser) -> Problem | None:
        if isinstance(user, KeyUser):
            if user.facts.may(self.scope):
                return None
            return Problem(403, "scope_missing", f"The key lacks the scope {self.scope}.")
        if has_role(user, *self.roles):
            return None
        return Problem(403, "role_missing", f"This takes one of the roles: {', '.join(self.roles)}.")


def key_with(scope: Scope, *roles: Role) -> type[_ScopeOrRole]:
    """Return the permission for keys with the scope, and for persons who hold one of the roles."""
    return type("KeyWith", (_ScopeOrRole,), {"scope": scope, "roles": roles})
