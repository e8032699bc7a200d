"""Errors as the outside sees them: RFC 9457 problem+json, always with `code` for programs and `message` for people.

`message` repeats `detail` because event SDKs read `code` and `message` from any JSON error and retry without them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse
from django.views import defaults
from rest_framework import exceptions

from cdp.outages import is_passing

PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldError:
    """Which field, and what is wrong with it."""

    field: str
    detail: str


class Problem(Exception):
    """Anything that a request cannot get past; the doors raise it, `problem_response` tells it."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        errors: tuple[FieldError, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors
        self.headers = headers or {}


def problem_response(problem: Problem) -> HttpResponse:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.message,
        "code": problem.code,
        "message": problem.message,
        "errors": [{"field": error.field, "detail": error.detail} for error in problem.errors],
    }
    return HttpResponse(
        orjson.dumps(body), status=problem.status, content_type=PROBLEM_JSON, headers=problem.headers or None
    )


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Answer every exception that REST framework knows, and ours, as a problem; leave the rest to raise."""
    problem = as_problem(error)
    return None if problem is None else problem_response(problem)


def as_problem(error: Exception) -> Problem | None:
    match error:
        case Problem():
            return error
        case Http404():
            return Problem(404, "not_found", "There is nothing here under this name.")
        case PermissionDenied():
            return Problem(403, "permission_denied", "You may not do this.")
        case exceptions.ValidationError():
            errors = tuple(_field_errors(error.detail, ""))
            return Problem(400, "invalid", _summary(errors), errors)
        case exceptions.ParseError():
            return Problem(400, "invalid_json", str(error.detail))
        case exceptions.APIException():
            return Problem(error.status_code, _code(error), str(error.detail), headers=_headers(error))
        case DatabaseError() | InterfaceError() if is_passing(error):
            told = "The database cannot be reached at the moment: ask again."
            return Problem(503, "unavailable", told, headers={"Retry-After": "2"})
    return None


def _code(error: exceptions.APIException) -> str:
    codes = error.get_codes()
    return codes if isinstance(codes, str) else error.default_code


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait + 1))
    return headers


def _field_errors(detail: Any, path: str) -> Iterator[FieldError]:
    if isinstance(detail, dict):
        for key, value in detail.items():
            name = path if key == "non_field_errors" else f"{path}.{key}".lstrip(".")
            yield from _field_errors(value, name)
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            yield from _field_errors(value, f"{path}[{index}]" if nested else path)
    else:
        yield FieldError(path, str(detail))


def _summary(errors: tuple[FieldError, ...]) -> str:
    told = (f"{error.field}: {error.detail}" if error.field else error.detail for error in errors)
    return "; ".join(told) or "The request is not valid."


_API = ("/v1/", "/ofrep/")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404: a problem among the addresses for programs, Django's page elsewhere."""
    if request.path.startswith(_API):
        return problem_response(Problem(404, "not_found", "There is no such address."))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: the cause is in the log; the outside learns that it was us."""
    if request.path.startswith(_API):
        return problem_response(Problem(500, "internal", "Something went wrong on our side. Nothing was accepted."))
    return defaults.server_error(request)
