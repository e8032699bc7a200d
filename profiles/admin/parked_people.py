from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import action, display

from cdp.ids import to_public
from cdp.role_admin import LargeTableAdmin, person_of
from cdp.roles import Role, has_role
from cdp.templatetags.cdp_text import exact
from profiles import parked
from profiles.models import ParkedTouch


@admin.register(ParkedTouch)
class ParkedTouchAdmin(LargeTableAdmin):
    """People whose evaluation fails by itself: out of the others' way until the cause is mended."""

    list_display = ("person", "cause", "error", "since")
    list_display_links = None
    sortable_by = ()
    actions = ("try_selected_again",)
    list_before_template = "profiles/parked/people.html"
    empty_title = "Everybody can be evaluated"
    empty_text = (
        "Somebody whose evaluation fails by itself is listed here with the error's kind and place, and tried again "
        "every five minutes. The others go on meanwhile."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ParkedTouch]:
        rows: QuerySet[ParkedTouch] = super().get_queryset(request)
        return rows.order_by("-id")

    def has_try_again_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, Role.AUTHOR, Role.ADMINISTRATOR)

    @display(description="person")
    def person(self, row: ParkedTouch) -> SafeString:
        address = reverse("admin:profiles_profile_change", args=[row.profile_id])
        return format_html('<a class="cdp-link" href="{}">{}</a>', address, to_public(row.profile_id))

    @display(description="parked (UTC)")
    def since(self, row: ParkedTouch) -> str | SafeString:
        return exact(row.parked_at)

    def get_urls(self) -> list[URLPattern]:
        again = self.admin_site.admin_view(require_POST(self.try_again_view))
        return [path("try-again/", again, name="profiles_parkedtouch_try_again_all"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        may = self.has_try_again_permission(request) and ParkedTouch.objects.exists()
        response: HttpResponse = super().changelist_view(request, {"may_try_again": may, **(extra_context or {})})
        return response

    def try_again_view(self, request: HttpRequest) -> HttpResponseRedirect:
        if not self.has_try_again_permission(request):
            raise PermissionDenied
        self._told(request, parked.try_everybody_again(by=person_of(request), now=timezone.now()))
        return HttpResponseRedirect(reverse("admin:profiles_parkedtouch_changelist"))

    @action(description="Try the selected people again now", permissions=["try_again"])
    def try_selected_again(self, request: HttpRequest, queryset: QuerySet[ParkedTouch]) -> None:
        people = list(queryset.values_list("profile_id", flat=True))
        self._told(request, parked.try_again(people=people, by=person_of(request), now=timezone.now()))

    def _told(self, request: HttpRequest, count: int) -> None:
        text = "1 person is" if count == 1 else f"{count} people are"
        self.message_user(request, f"{text} evaluated again. Whoever fails once more comes back to this list.")
