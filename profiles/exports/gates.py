"""Whom a purpose permits to be exported: every entry of EXPORT_GATES says yes, in SQL, for everybody at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string


class PurposeRefused(Exception):
    """There is no such purpose to export for; the message says so."""


@dataclass(frozen=True, slots=True)
class Permission:
    """A condition over `p`, a row of the table profile, with named parameters."""

    sql: str
    parameters: Mapping[str, Any]


class Gate(Protocol):
    def __call__(self, *, purpose: str, now: datetime) -> Permission: ...


def permission(*, purpose: str, now: datetime) -> Permission:
    """Return the condition under which somebody may leave. Raises PurposeRefused."""
    said = [gate(purpose=purpose, now=now) for gate in _load(tuple(settings.EXPORT_GATES))]
    parameters: dict[str, Any] = {}
    for one in said:
        parameters |= one.parameters
    return Permission(" AND ".join(f"({one.sql})" for one in said) or "true", parameters)


@cache
def _load(paths: tuple[str, ...]) -> tuple[Gate, ...]:
    return tuple(import_string(path) for path in paths)
