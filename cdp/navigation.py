"""The sidebar: what settings.NAVIGATION lists, as far as it exists and the person may see it."""

from functools import cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from cdp.role_admin import may_see


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the theme's groups of links; a group nobody may see anything of is left out."""
    groups = [
        {"title": title, "items": [_link(request, *item) for item in items if _visible(request, item[1])]}
        for title, items in settings.NAVIGATION
    ]
    return [group for group in groups if group["items"]]


def _link(request: HttpRequest, title: str, target: str, icon: str) -> dict[str, Any]:
    address = _address(target)
    if target == "admin:index":
        here = request.path == address
    else:
        here = request.path.startswith((address, *_tabs_beside(address)))
    return {"title": title, "icon": icon, "link": address, "active": here}


def _visible(request: HttpRequest, target: str) -> bool:
    if ":" in target or "." not in target:
        return _address(target) != ""
    known = apps.all_models[target.split(".")[0]].get(target.split(".")[1].lower())
    return known is not None and may_see(request, known)


@cache
def _address(target: str) -> str:
    """Addresses do not change while a process runs, and every page of the admin needs them all."""
    name = target if ":" in target or "." not in target else f"admin:{target.replace('.', '_').lower()}_changelist"
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


@cache
def _tabs_beside(address: str) -> tuple[str, ...]:
    """The lists that are reached from this one by a tab; the sidebar has no link of their own for them."""
    groups: Any = settings.UNFOLD["TABS"]
    tabs = [[str(item["link"]) for item in tab["items"]] for tab in groups]
    return tuple(link for links in tabs if address in links for link in links)
