"""What a person may do. A role is a Django group; a superuser counts as administrator and as nothing else.

The groups are made by the migration. Four eyes does not rest on this module: the database asks for the approver's group
itself (cdp.governance.operations).
"""

from enum import StrEnum
from functools import cache
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


def has_role(user: "User | AnonymousUser", *roles: Role) -> bool:
    """Say whether the person holds one of the roles."""
    return bool(roles_of(user) & set(roles))


def roles_of(user: "User | AnonymousUser") -> frozenset[Role]:
    # Kept on the instance, as Django keeps its permission cache: an admin page asks for every button it draws.
    if not user.is_authenticated or not user.is_active:
        return frozenset()
    held = user.__dict__.get("_roles")
    if held is None:
        names = _known() & set(user.groups.values_list("name", flat=True))
        held = frozenset(Role(name) for name in names) | ({Role.ADMINISTRATOR} if user.is_superuser else frozenset())
        user.__dict__["_roles"] = held
    return held


@cache
def _known() -> frozenset[str]:
    return frozenset(Role)
