"""The content of a version as bytes that are the same on every machine, and their hash."""

import hashlib
import math
from typing import Any

import rfc8785

from cdp.governance.errors import ContentInvalid

MAX_DEPTH = 32
# Beyond this, IEEE doubles skip integers: RFC 8785 and jsonb would no longer agree on the number.
_EXACT = 2**53


def content_hash(content: Any) -> str:
    """Return the SHA-256 of the RFC 8785 canonical JSON, in hex. Raises ContentInvalid for what has no such form."""
    _check(content, depth=0)
    return hashlib.sha256(rfc8785.dumps(content)).hexdigest()


def _check(value: Any, *, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ContentInvalid(f"The content is nested more than {MAX_DEPTH} levels deep.")
    match value:
        case None | bool():
            pass
        case str():
            _check_text(value)
        case int() | float():
            if not math.isfinite(value) or abs(value) >= _EXACT:
                raise ContentInvalid("The content holds a number that JSON cannot carry exactly.")
        case list() | tuple():
            for item in value:
                _check(item, depth=depth + 1)
        case dict():
            for key, item in value.items():
                _check(key, depth=depth + 1)
                _check(item, depth=depth + 1)
        case _:
            raise ContentInvalid(f"The content holds something that is not JSON: {type(value).__name__}.")


def _check_text(text: str) -> None:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ContentInvalid("The content holds a text with a character that cannot be stored (NUL or half a pair).")
