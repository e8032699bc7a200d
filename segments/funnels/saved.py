"""Funnels that are kept under a name: made, changed and removed, with who did it in their history."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from cdp.models import User
from segments.catalogue import load_catalogue, workspace_zone
from segments.funnels.definition import FunnelInvalid, parse
from segments.models import Funnel
from segments.rules.parser import Problem

MOST = 1_000


class KeyTaken(Exception):
    """There is a funnel under this key already."""


@transaction.atomic
def create(*, key: str, name: str, description: str, document: Mapping[str, Any], by: User, now: datetime) -> Funnel:
    """Keep a funnel. Raises FunnelInvalid and KeyTaken."""
    _check(document)
    if Funnel.objects.count() >= MOST:
        raise FunnelInvalid([Problem("key", f"There are {MOST} funnels: remove one first.")])
    funnel = Funnel(
        key=key, name=name, description=description, definition=document, created_by=by, created_at=now, updated_at=now
    )
    try:
        funnel.clean_fields(exclude=("created_by",))
    except ValidationError as error:
        problems = [Problem(field, told[0]) for field, told in error.message_dict.items()]
        raise FunnelInvalid(problems) from None
    try:
        with transaction.atomic():
            _record(funnel, by=by, now=now)
    except IntegrityError:
        raise KeyTaken(key) from None
    return funnel


@transaction.atomic
def change(
    *, funnel: Funnel, name: str, description: str, document: Mapping[str, Any], by: User, now: datetime
) -> Funnel:
    """Change what a funnel says; what it said before stays in its history. Raises FunnelInvalid."""
    _check(document)
    current = Funnel.objects.select_for_update().get(pk=funnel.pk)
    current.name, current.description, current.definition, current.updated_at = name, description, document, now
    _record(current, by=by, now=now)
    return current


@transaction.atomic
def remove(*, funnel: Funnel, by: User, now: datetime) -> None:
    """Remove a funnel; its history stays."""
    gone: Any = funnel
    gone._history_user, gone._history_date = by, now
    funnel.delete()


def _check(document: Mapping[str, Any]) -> None:
    parse(document, catalogue=load_catalogue(), zone=workspace_zone())


def _record(funnel: Any, *, by: User, now: datetime) -> None:
    funnel._history_user, funnel._history_date = by, now
    funnel.save()
    del funnel._history_user, funnel._history_date
