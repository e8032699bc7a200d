"""Admin pages whose rights follow the platform's roles, and lists that stay quick on large tables."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList

from cdp import access, keyset
from cdp.access import Actor
from cdp.models import User
from cdp.roles import Role, has_role

EVERYBODY = tuple(Role)


def person_of(request: HttpRequest) -> User:
    """Return who is signed in; admin pages let nobody else through."""
    assert isinstance(request.user, User)
    return request.user


def record_act(
    request: HttpRequest,
    action: str,
    *,
    profile_ids: Iterable[int] = (),
    fields: Iterable[str],
    basis: Mapping[str, Any] | None = None,
) -> None:
    """Record what the person signed in was shown, of whom, or what they changed: no record, no answer."""
    people = list(profile_ids)
    if people or basis:
        access.record(
            actor=Actor.person(person_of(request)),
            action=action,
            profile_ids=people,
            purpose="administration",
            fields=fields,
            now=timezone.now(),
            basis=basis,
        )


def may_see(request: HttpRequest, model: type[models.Model]) -> bool:
    """Say whether the person may open the model's list; a model without an admin page is nobody's to see."""
    registered = admin.site._registry.get(model)
    return registered is not None and bool(registered.has_view_permission(request))


class RoleAdmin(ModelAdmin):
    """Who may look, change, add and delete is named by role; nobody may unless the page says so."""

    change_list_template: Any = "admin/cdp/list.html"

    viewers: ClassVar[tuple[Role, ...]] = EVERYBODY
    editors: ClassVar[tuple[Role, ...]] = ()
    adders: ClassVar[tuple[Role, ...]] = ()
    deleters: ClassVar[tuple[Role, ...]] = ()

    # Shown instead of an empty table: what would be here, and how it comes here.
    empty_title: ClassVar[str] = "Nothing here yet"
    empty_text: ClassVar[str] = ""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return has_role(request.user, *self.viewers)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return has_role(request.user, *self.editors)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, *self.adders)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return has_role(request.user, *self.deleters)


class KeysetPaginator(InfinitePaginator):
    """Only tells the templates how large a page is and how its neighbours are linked."""

    template_name = "cdp/keyset_pages.html"


class KeysetChangeList(ChangeList):
    """A list whose pages begin after a row; see `cdp.keyset`."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        found: dict[str, Any] = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name not in (keyset.OLDER, keyset.NEWER)}

    def get_results(self, request: HttpRequest) -> None:
        for name in (keyset.OLDER, keyset.NEWER):
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        found = keyset.page(
            self.queryset,
            by=self.model_admin.newest_by,
            size=self.list_per_page,
            older=keyset.Place.parse(request.GET.get(keyset.OLDER, "")),
            newer=keyset.Place.parse(request.GET.get(keyset.NEWER, "")),
        )
        self.paginator = KeysetPaginator(self.queryset, self.list_per_page)
        self.result_list = found.rows
        self.result_count, self.full_result_count = len(found.rows), None
        self.show_full_result_count, self.show_admin_actions = False, True
        self.can_show_all, self.multi_page = False, bool(found.newer or found.older)
        self.newer_address = self.get_query_string({keyset.NEWER: found.newer}) if found.newer else ""
        self.older_address = self.get_query_string({keyset.OLDER: found.older}) if found.older else ""


class LargeTableAdmin(RoleAdmin):
    """A read-only list of a table that grows with traffic: pages older and newer, never skips, never counts."""

    #: What the list is in the order of, newest first: the id, or a column or annotation with an index and no NULL.
    newest_by: ClassVar[str] = "pk"
    show_full_result_count = False
    list_per_page = 50
    sortable_by: Any = ()
    actions: Any = None

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        # Nobody edits these rows, so there is no history of edits to offer.
        return super().changeform_view(request, object_id, form_url, {"show_history": False, **(extra_context or {})})
