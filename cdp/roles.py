"""What a person may do. A role is a Django group; a superuser counts as administrator and as nothing else.

The groups are made by the migration. Four eyes does not rest on this module: the database asks for the approver's group
itself (cdp.governance.guards).
"""

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from cdp.models import User


class Role(StrEnum):
    AUTHOR = "author"
    APPROVER = "approver"
    COMPLIANCE = "compliance"
    ADMINISTRATOR = "administrator"
    VIEWER = "viewer"


_NAMES = frozenset(role.value for role in Role)


def has_role(user: "User | AnonymousUser", *roles: Role) -> bool:
    """Say whether the person holds one of the roles."""
    return bool(roles_of(user) & set(roles))


def roles_of(user: "User | AnonymousUser") -> frozenset[Role]:
    """Return the roles the person holds at this moment; a person who was locked out holds none."""
    if not user.is_authenticated or not user.is_active:
        return frozenset()
    remembered: frozenset[Role] | None = user.__dict__.get("_roles")
    if remembered is not None:
        return remembered
    held = frozenset(Role(name) for name in user.groups.values_list("name", flat=True) if name in _NAMES)
    return held | {Role.ADMINISTRATOR} if user.is_superuser else held


def remember_roles(user: "User | AnonymousUser") -> None:
    """Keep the roles on this instance: for doors, whose instance lives as long as one request.

    An admin page asks for every link and button it draws; elsewhere an instance may outlive a change of roles.
    """
    user.__dict__["_roles"] = roles_of(user)
