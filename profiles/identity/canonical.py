"""The one spelling under which an identifier is stored and looked for."""

import re
from functools import lru_cache

import phonenumbers

from profiles.identity.rule import EMAIL, PHONE

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,253}")
# An extension would be cut off, and letters are read as digits: both would make one number of two.
_PHONE = re.compile(r"\+?[0-9 ()./\u00a0\u2010-\u2015-]{4,40}")


def canonical(type: str, value: str, *, country: str = "") -> str | None:
    """Return the canonical spelling, or None when `value` cannot be an identifier of this type.

    Ids are the sender's own and stay as sent; e-mail addresses are trimmed and lower-cased, nothing more: dots and
    tags mean something to some providers, and a wrong join is worse than a missed one. A telephone number becomes
    E.164; one without + is none unless the `country` it is dialled in is known.
    """
    if type == EMAIL:
        address = value.strip().lower()
        return address if _EMAIL.fullmatch(address) else None
    if type == PHONE:
        return _telephone(value.strip(), country)
    return value or None


@lru_cache(maxsize=50_000)  # parsing one takes 40 µs, and people are identified again and again
def _telephone(value: str, country: str) -> str | None:
    if not _PHONE.fullmatch(value):
        return None
    try:
        number = phonenumbers.parse(value, country or None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
