"""The parameters of Segment's Profile API, read and judged; what cannot be meant is refused by its name."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from enum import StrEnum

from django.core import signing
from django.utils.dateparse import parse_date, parse_datetime

from cdp.problems import FieldError, Problem

INVALID = "validation_error"
MOST_NAMES = 100
_CURSORS = signing.Signer(salt="segment profile api")
#: Outside these years PostgreSQL and Python disagree on what a moment is, and nothing is stored.
_YEARS = range(1970, 9999)


class TraitClass(StrEnum):
    """Which traits are asked for; without one, all of them."""

    AUDIENCE = "audience"
    COMPUTED = "computed_trait"


@dataclass(frozen=True, slots=True)
class Page:
    """Which page of a list, and how long: `after` is the position at which the last one ended."""

    limit: int
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins, empty where there is none."""

    after: tuple[str, ...] = ()

    def spelled(self, resource: str) -> str:
        return _CURSORS.sign_object([resource, *self.after]) if self.after else ""


def page(given: Mapping[str, str], resource: str, *, default: int, most: int) -> Page:
    """Read `limit` and `next`; raises a Problem."""
    return Page(_limit(given.get("limit", ""), default=default, most=most), _after(given.get("next", ""), resource))


def _limit(given: str, *, default: int, most: int) -> int:
    if not given:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 6 and 1 <= int(given) <= most):
        raise invalid("limit", f"is a whole number from 1 to {most}")
    return int(given)


def _after(given: str, resource: str) -> tuple[str, ...]:
    if not given:
        return ()
    try:
        named, *position = _CURSORS.unsign_object(given)
    except signing.BadSignature:
        raise invalid("next", "is not a cursor that was handed out here") from None
    if named != resource:
        raise invalid("next", f"is a cursor of {named}, not of {resource}")
    return tuple(position)


def names(given: Mapping[str, str], parameter: str) -> tuple[str, ...]:
    """Read a comma-separated list, empty where it was not given; raises a Problem."""
    found = tuple(dict.fromkeys(stripped for name in given.get(parameter, "").split(",") if (stripped := name.strip())))
    if len(found) > MOST_NAMES:
        raise invalid(parameter, f"takes at most {MOST_NAMES} names")
    if any("\x00" in name for name in found):
        raise invalid(parameter, "has invalid character(s)")
    return found


def flag(given: Mapping[str, str], parameter: str) -> bool:
    match given.get(parameter, "").lower():
        case "" | "false" | "0":
            return False
        case "true" | "1":
            return True
    raise invalid(parameter, "is true or false")


def trait_class(given: Mapping[str, str]) -> TraitClass | None:
    asked = given.get("class", "")
    if not asked:
        return None
    if asked not in list(TraitClass):
        raise invalid("class", f"is one of {', '.join(TraitClass)}")
    return TraitClass(asked)


def is_ascending(given: Mapping[str, str]) -> bool:
    asked = given.get("sort", "desc")
    if asked not in ("asc", "desc"):
        raise invalid("sort", "is asc or desc")
    return asked == "asc"


def moment(given: Mapping[str, str], parameter: str) -> datetime | None:
    """Read a date or a time of ISO 8601; what names no zone is UTC."""
    text = given.get(parameter, "")
    if not text:
        return None
    try:
        found = parse_datetime(text)
        if found is None and (day := parse_date(text)) is not None:
            found = datetime.combine(day, time())
    except ValueError:
        found = None
    if found is None or found.year not in _YEARS:
        raise invalid(parameter, "is a date or time in ISO 8601, as 2026-03-01 or 2026-03-01T12:00:00Z")
    # In UTC: PostgreSQL refuses offsets of sixteen hours and more, which ISO 8601 has.
    return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)


def invalid(parameter: str, told: str) -> Problem:
    message = f"The parameter `{parameter}` {told}."
    return Problem(400, INVALID, message, (FieldError(parameter, message),))
