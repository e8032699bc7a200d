"""Logs tell what went wrong and where, and nothing about anybody.

An address may name a person by e-mail, and the message of an error may quote what somebody sent: a database error does,
with the row. So a request is told by its route, an error by its kind, its SQL state and its place.
"""

import logging
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from django.db import Error as DatabaseError
from django.http import HttpRequest
from psycopg2 import Error as DriverError

_NO_ROUTE = "(an address that is not there)"
_UNTOLD = "…"


class PrivateFilter(logging.Filter):
    """Takes out of a record what somebody sent. Belongs on the handler: a logger's filter misses its children."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.args = _arguments(record)
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is not None:
            chain = list(_chain(error))
            record.msg, record.args = _without(record.getMessage(), chain), ()
            record.exc_info, record.exc_text = None, "\n".join(map(_with_places, chain))
        return True


def told(error: BaseException) -> str:
    """Name an error by its kind, and a database's by its SQL state as well."""
    state = getattr(error, "pgcode", None) or getattr(error.__cause__, "pgcode", None)
    return " ".join(filter(None, (type(error).__name__, state)))


def _arguments(record: logging.LogRecord) -> Any:
    if isinstance(record.args, Mapping):
        # Celery's: `exc` is the error's repr, which begins with its kind.
        spelled = record.args.get("exc")
        return {**record.args, "exc": str(spelled).partition("(")[0]} if spelled else record.args
    found = getattr(record, "request", None)
    request = found if isinstance(found, HttpRequest) else None
    return tuple(
        route(request) if request is not None and argument == request.path else _argument(argument)
        for argument in record.args or ()
    )


def _argument(argument: object) -> object:
    return told(argument) if isinstance(argument, DatabaseError | DriverError) else argument


def route(request: HttpRequest) -> str:
    """Return the pattern of the address that was asked for: it holds no value of anybody's."""
    return f"/{request.resolver_match.route}" if request.resolver_match else _NO_ROUTE


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _without(message: str, errors: list[BaseException]) -> str:
    for error in errors:
        message = message.replace(str(error) or _UNTOLD, _UNTOLD)
    return message


def _with_places(error: BaseException) -> str:
    return "\n".join([told(error), *_places(error.__traceback__)])


def _places(step: Any) -> Iterator[str]:
    while step is not None:
        code = step.tb_frame.f_code
        yield f"  {PurePath(code.co_filename).name}:{step.tb_lineno} in {code.co_name}"
        step = step.tb_next
