"""The first page of the admin: what is going on, and what waits for somebody.

Every app contributes panels through settings.DASHBOARD_PANELS. A panel must be cheap on a large workspace: bounded
counts, sums over requests, never a count over events.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from django.apps import apps
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string

from cdp.governance.models import GovernedVersion, State
from cdp.health import WORKER_SILENCE_SECONDS, worker_silence
from cdp.models import User
from cdp.role_admin import may_see, person_of

_WAITING_SHOWN = 8


class Width(StrEnum):
    """How many of the page's twelve columns a panel takes on a wide screen."""

    TILE = "3"
    THIRD = "4"
    HALF = "6"
    TWO_THIRDS = "8"
    FULL = "12"


@dataclass(frozen=True, slots=True)
class Panel:
    """One box of the dashboard: a template and what it shows; `link` leads to the whole list."""

    key: str
    title: str
    template: str
    content: Mapping[str, Any]
    width: Width
    rows: int = 1  # how many rows of neighbours a long panel stands beside
    link: str = ""


class Contribute(Protocol):
    def __call__(self, request: HttpRequest, now: datetime, /) -> Panel | None: ...


@dataclass(frozen=True, slots=True)
class Waiting:
    """A version that somebody other than its authors has to decide on."""

    kind: str
    name: str
    number: int
    submitted_by: str
    submitted_at: datetime
    link: str
    own: bool


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Fill the admin's index page; the theme calls it."""
    now = timezone.now()
    contribute: list[Contribute] = [import_string(path) for path in settings.DASHBOARD_PANELS]
    panels = [panel(request, now) for panel in contribute]
    silence = worker_silence(now=now)
    return context | {
        "title": "Overview",
        "panels": [panel for panel in panels if panel is not None],
        "as_of": now,
        "worker_silence": silence,
        "worker_is_silent": silence is None or silence >= WORKER_SILENCE_SECONDS,
    }


def waiting(request: HttpRequest, now: datetime, /) -> Panel | None:
    """What waits for approval, of every governed type that the person may see."""
    found: list[Waiting] = []
    for model in apps.get_models():
        if issubclass(model, GovernedVersion) and may_see(request, _head_of(model)):
            found += _waiting_of(model, user=person_of(request))
    found.sort(key=lambda item: item.submitted_at)
    return Panel(
        key="waiting",
        title="Waiting for approval",
        template="cdp/dashboard/waiting.html",
        content={"waiting": found[:_WAITING_SHOWN], "more": max(0, len(found) - _WAITING_SHOWN)},
        width=Width.HALF,
    )


def _head_of(model: Any) -> Any:
    return model._meta.get_field("head").related_model


def _waiting_of(model: Any, *, user: User) -> list[Waiting]:
    versions = model._default_manager.filter(state=State.REVIEW).select_related("head", "submitted_by")
    return [
        Waiting(
            kind=str(version.head._meta.verbose_name),
            name=version.head.name,
            number=version.number,
            submitted_by=version.submitted_by.get_full_name() or version.submitted_by.get_username(),
            submitted_at=version.submitted_at,
            link=_version_address(version),
            own=user.pk in version.author_ids,
        )
        for version in versions.order_by("submitted_at")[: _WAITING_SHOWN * 10]
    ]


def _version_address(version: Any) -> str:
    meta = version.head._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_version", args=[version.head_id, version.number])
