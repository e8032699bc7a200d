"""Identifiers of people and events: 63 bits, the older one is the lower one, and no sequence to wait for."""

import secrets
from datetime import datetime

_RANDOM_BITS = 22
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_DIGITS = 13  # 13 × 5 bits hold 63


def new_ids(count: int, *, now: datetime) -> list[int]:
    """Return `count` distinct ids: milliseconds since 1970 above 22 random bits.

    A merge keeps the lower id, hence the older person, without a look at a clock. The random part is spread over
    as many milliseconds as `count` needs, so that a claim of thousands does not meet the next worker's.
    """
    milliseconds = int(now.timestamp() * 1000)
    spread = max(1, count // 64)
    made: set[int] = set()
    while len(made) < count:
        moment = milliseconds + secrets.randbelow(spread)
        made.add(moment << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS))
    return sorted(made)


def new_id(*, now: datetime) -> int:
    return new_ids(1, now=now)[0]


def to_public(number: int, *, prefix: str = "p_") -> str:
    """Spell an id for people and programs outside: JavaScript cannot hold 63 bits in a number."""
    digits = []
    for _ in range(_DIGITS):
        number, rest = divmod(number, 32)
        digits.append(_ALPHABET[rest])
    return prefix + "".join(reversed(digits))


def from_public(spelled: str, *, prefix: str = "p_") -> int | None:
    """Return the id that `spelled` stands for, or None when it is none of ours."""
    digits = spelled.removeprefix(prefix)
    if not spelled.startswith(prefix) or len(digits) != _DIGITS or any(digit not in _VALUES for digit in digits):
        return None
    number = 0
    for digit in digits:
        number = number * 32 + _VALUES[digit]
    return number if number < 1 << 63 else None
