"""What a destination's version says. Pure but for the list of allowed hosts.

{"url": "https://hooks.example.com/cdp", "purpose": "marketing", "segments": ["high-intent"],
 "what": ["entered", "left", "tags"], "rate": 50}

`purpose` is what the receiver wants the data for: consent is asked for it at every sending. `what` are the changes that
are told. `rate` is how many messages a second the receiver takes at most.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from cdp.governance.errors import ContentInvalid
from cdp.problems import FieldError
from segments.delivery.addresses import Allowed, literal, may_connect, read_allowed

DEFAULT_RATE, MOST_RATE = 100, 1_000
MOST_SEGMENTS = 100
_LONGEST_URL = 2_000
_FIELDS = ("url", "purpose", "segments", "what", "rate")


class What(StrEnum):
    """The kinds of change that a destination may be told."""

    ENTERED = "entered"
    LEFT = "left"
    TAGS = "tags"


@dataclass(frozen=True, slots=True)
class Terms:
    """A destination's content, read."""

    url: str
    purpose: str
    segments: tuple[str, ...]
    what: frozenset[What]
    rate: int = DEFAULT_RATE


def read(content: Any) -> Terms:
    """Read a content. Raises ContentInvalid naming the field and how to mend it."""
    if not isinstance(content, Mapping):
        raise _invalid("content", 'A destination is an object with "url", "purpose", "segments" and "what".')
    for name in content:
        if name not in _FIELDS:
            raise _invalid(str(name)[:60], f"A destination has no such field; it has {', '.join(_FIELDS)}.")
    return Terms(
        url=_url(content.get("url")),
        purpose=_key(content.get("purpose"), "purpose", "Name the purpose that the receiver wants the data for."),
        segments=_segments(content.get("segments")),
        what=_what(content.get("what")),
        rate=_rate(content.get("rate", DEFAULT_RATE)),
    )


def allowed() -> Allowed:
    """Return what the operator allows besides public addresses."""
    return _allowed(tuple(settings.CDP_DELIVERY_ALLOW))


@cache
def _allowed(words: tuple[str, ...]) -> Allowed:
    return read_allowed(words)


def _url(given: Any) -> str:
    if not isinstance(given, str) or not given or len(given) > _LONGEST_URL:
        raise _invalid("url", f"Give the address that messages are sent to, at most {_LONGEST_URL} characters.")
    parts, host = _parts(given)
    address = literal(host)
    if address is not None and not may_connect(address, host=host, allowed=allowed()):
        raise _invalid("url", f"{host} is no public address. An operator can allow it with CDP_DELIVERY_ALLOW.")
    trusted = allowed().names(host) or (address is not None and allowed().holds(address))
    if parts.scheme != "https" and not (parts.scheme == "http" and trusted):
        raise _invalid("url", "Write https://…: people's changes do not travel in the clear.")
    return given


def _parts(given: str) -> tuple[SplitResult, str]:
    plain = given.isascii() and given.isprintable() and " " not in given and "\\" not in given
    try:
        parts = urlsplit(given)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        plain, host = False, ""
    if not plain or not host:
        raise _invalid("url", "This is no address. Write it like https://hooks.example.com/path, in ASCII.")
    if parts.username is not None or parts.fragment:
        raise _invalid("url", "Leave user, password and # out: messages are signed, and an address is no secret.")
    return parts, host


def _key(given: Any, field: str, told: str) -> str:
    if not isinstance(given, str) or not given or len(given) > 100:
        raise _invalid(field, told)
    return given


def _segments(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_SEGMENTS:
        raise _invalid("segments", f"Give a list of 1 to {MOST_SEGMENTS} keys of segments.")
    keys = tuple(_key(key, f"segments[{at}]", "Write the key of a segment.") for at, key in enumerate(given))
    if len(set(keys)) < len(keys):
        raise _invalid("segments", "A segment is named twice.")
    return keys


def _what(given: Any) -> frozenset[What]:
    known = [kind.value for kind in What]
    if not isinstance(given, list) or not given or any(kind not in known for kind in given):
        raise _invalid("what", f"Give a list of what is to be told, out of {', '.join(known)}.")
    return frozenset(What(kind) for kind in given)


def _rate(given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= MOST_RATE:
        raise _invalid("rate", f"Write how many messages a second may be sent, a whole number from 1 to {MOST_RATE}.")
    return given


def _invalid(field: str, message: str) -> ContentInvalid:
    return ContentInvalid(f"{field}: {message}", errors=(FieldError(field, message),))
