"""The one spelling under which an identifier is stored and looked for."""

import re

from profiles.models import IdentifierType

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,253}")


def canonical(type: str, value: str) -> str | None:
    """Return the canonical spelling, or None when `value` cannot be an identifier of this type.

    Ids are the sender's own and stay as sent; e-mail addresses are trimmed and lower-cased, nothing more: dots and
    tags mean something to some providers, and a wrong join is worse than a missed one.
    """
    if type != IdentifierType.EMAIL:
        return value or None
    address = value.strip().lower()
    return address if _EMAIL.fullmatch(address) else None
