"""Find what in an event cannot be kept, and name the field. Slow and thorough; runs only when something is wrong."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from profiles.ingest.incoming import MAX_DEPTH, MAX_MESSAGE_ID, NUMBER_LIMIT, RejectionCode

_MOST_DIGITS = 40  # longer integers are out of range anyway, and Python's own int() balks at very long ones
_LONGEST_FIELD = 200
_NOT_KEPT = re.compile("[\x00\ud800-\udfff]")
_PATH_IN_ERROR = re.compile(r"at `\$\.([\w.]+)")


class Fault(NamedTuple):
    code: RejectionCode
    field: str
    reason: str


def holds_unfit(container: dict[str, Any] | list[Any], depth: int) -> bool:
    """Tell whether numbers are too large or the nesting too deep; text has been checked by the decoder."""
    if depth > MAX_DEPTH:
        return True
    values: Iterable[Any] = container.values() if isinstance(container, dict) else container
    for value in values:
        kind = type(value)
        if kind is str:
            continue
        if kind is dict or kind is list:
            if holds_unfit(value, depth + 1):
                return True
        elif (kind is float or kind is int) and not -NUMBER_LIMIT < value < NUMBER_LIMIT:
            return True
    return False


def explain(plain: bytes, *, error: Exception | None = None, at: str = "") -> Fault:
    """Say why an event, or the part of a batch called `at`, cannot be decoded; `error` is what the decoder said."""
    try:
        found = first(plain, at=at)
    except RecursionError:
        return Fault(RejectionCode.TOO_DEEP, at, f"{at or 'The event'} is nested more than {MAX_DEPTH} deep.")
    except ValueError:
        return Fault(RejectionCode.INVALID_JSON, at, f"{at or 'The event'} is not JSON.")
    if found:
        return found
    named = _PATH_IN_ERROR.search(str(error))
    field = named.group(1) if named else at
    if not field:
        return Fault(RejectionCode.NOT_AN_OBJECT, "", "The event is not a JSON object.")
    expected = str(error).partition(" - at")[0]
    return Fault(RejectionCode.WRONG_TYPE, field, f"{field} has the wrong type: {expected}.")


def first(plain: bytes, *, at: str = "") -> Fault | None:
    """Return the first value that cannot be kept, if there is one."""
    return next(_faults(_read(plain), at, 2 if at else 1), None)


def message_id(plain: bytes) -> str:
    """Return the message id of an event that cannot be decoded, where it can still be told."""
    try:
        value = _read(plain)
    except (ValueError, RecursionError):
        return ""
    found = value.get("messageId") if isinstance(value, dict) else None
    return found if isinstance(found, str) and len(found) <= MAX_MESSAGE_ID and not _NOT_KEPT.search(found) else ""


def _read(plain: bytes) -> Any:
    return json.loads(plain.decode("utf-8", "surrogateescape"), parse_int=_bounded_int)


def _bounded_int(digits: str) -> float:
    return int(digits) if len(digits) <= _MOST_DIGITS else math.inf


def _faults(value: Any, path: str, depth: int) -> Iterator[Fault]:
    if isinstance(value, str):
        if _NOT_KEPT.search(value):
            yield Fault(RejectionCode.INVALID_TEXT, path, f"{path} holds {_unfit_text(value)}.")
    elif isinstance(value, int | float):
        if not -NUMBER_LIMIT < value < NUMBER_LIMIT:
            reason = f"{path} is not a finite number of at most 29 digits before the point."
            yield Fault(RejectionCode.INVALID_NUMBER, path, reason)
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            yield Fault(RejectionCode.TOO_DEEP, path, f"{path} is nested more than {MAX_DEPTH} deep.")
            return
        yield from _faults_inside(value, path, depth)


def _faults_inside(container: dict[str, Any] | list[Any], path: str, depth: int) -> Iterator[Fault]:
    if isinstance(container, list):
        for index, item in enumerate(container):
            yield from _faults(item, f"{path}[{index}]", depth + 1)
        return
    for key, item in container.items():
        if _NOT_KEPT.search(key):
            yield Fault(RejectionCode.INVALID_TEXT, path, f"A key in {path or 'the event'} holds {_unfit_text(key)}.")
        else:
            inner = f"{path}.{key}" if path else key
            yield from _faults(item, inner[:_LONGEST_FIELD], depth + 1)


def _unfit_text(text: str) -> str:
    if "\x00" in text:
        return "a NUL character"
    return "bytes that are not UTF-8, or half of a surrogate pair"
