from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import action, display

from cdp.role_admin import LargeTableAdmin, person_of
from cdp.roles import Role, has_role
from cdp.templatetags.cdp_text import exact
from profiles import parked
from profiles.admin.source_filter import SourceFilter
from profiles.models import InboxRow, Source
from profiles.models.inbox import InboxState

_STATE_TONES = {"pending": "warning", "done": "success", "parked": "danger"}


@admin.register(InboxRow)
class InboxRowAdmin(LargeTableAdmin):
    """Every accepted request and what became of its events."""

    list_display = (
        "id",
        "received",
        "source",
        "route",
        "event_count",
        "stored",
        "duplicates",
        "rejected",
        "shown_state",
    )
    list_filter = ("state", SourceFilter)
    fields = (
        ("received", "source"), ("route", "size"), ("assurance", "gpc"), ("event_count", "shown_state"),
        ("stored", "duplicates"), ("conflicts", "rejected_events"), ("attempts", "done"), "error", "what_to_do",
    )  # fmt: skip
    readonly_fields = ("received", "source", "shown_state", "rejected_events", "done", "what_to_do")
    actions = ("take_up_selected",)
    change_form_outer_before_template = "profiles/parked/request.html"
    list_before_template = "profiles/parked/requests.html"
    empty_title = "No request has come in"
    empty_text = (
        "Every accepted request is listed here from the moment it is durable, with the count of what became of it."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboxRow]:
        names = Source.objects.filter(pk=OuterRef("source_id")).values("name")[:1]
        rows: QuerySet[InboxRow] = super().get_queryset(request)
        return rows.defer("body").annotate(source_name=Subquery(names))

    @display(description="received (UTC)")
    def received(self, row: InboxRow) -> str | SafeString:
        return exact(row.received_at)

    @display(description="finished (UTC)")
    def done(self, row: InboxRow) -> str | SafeString:
        return exact(row.done_at)

    @display(description="source")
    def source(self, row: Any) -> str:
        return row.source_name or "–"

    @display(description="state", label=_STATE_TONES)
    def shown_state(self, row: InboxRow) -> str:
        return InboxState(row.state).name.lower()

    @display(description="rejected")
    def rejected_events(self, row: InboxRow) -> str | SafeString:
        if not row.rejected:
            return "0"
        address = reverse("admin:profiles_rejectedevent_changelist")
        return format_html('<a class="cdp-link" href="{}?request={}">{}, see why</a>', address, row.pk, row.rejected)

    @display(description="what to do")
    def what_to_do(self, row: InboxRow) -> str:
        return parked.advice(error=row.error or "") if row.state == InboxState.PARKED else "Nothing."

    def has_take_up_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, Role.AUTHOR, Role.ADMINISTRATOR)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("take-up/", view(require_POST(self.take_up_all_view)), name="profiles_inboxrow_take_up_all"),
            path("<int:object_id>/take-up/", view(require_POST(self.take_up_view)), name="profiles_inboxrow_take_up"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        waits = self.has_take_up_permission(request) and InboxRow.objects.filter(state=InboxState.PARKED).exists()
        response: HttpResponse = super().changelist_view(request, {"may_take_up": waits, **(extra_context or {})})
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = InboxRow.objects.filter(pk=object_id, state=InboxState.PARKED) if object_id.isdigit() else None
        may = self.has_take_up_permission(request) and found is not None and found.exists()
        context = {"may_take_up": may, **(extra_context or {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def take_up_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        if not self.has_take_up_permission(request):
            raise PermissionDenied
        self._told(request, parked.take_up(requests=[object_id], by=person_of(request), now=timezone.now()))
        return HttpResponseRedirect(reverse("admin:profiles_inboxrow_change", args=[object_id]))

    def take_up_all_view(self, request: HttpRequest) -> HttpResponseRedirect:
        if not self.has_take_up_permission(request):
            raise PermissionDenied
        self._told(request, parked.take_up_all(by=person_of(request), now=timezone.now()))
        return HttpResponseRedirect(reverse("admin:profiles_inboxrow_changelist"))

    @action(description="Send the selected parked requests through again", permissions=["take_up"])
    def take_up_selected(self, request: HttpRequest, queryset: QuerySet[InboxRow]) -> None:
        chosen = list(queryset.values_list("id", flat=True))
        self._told(request, parked.take_up(requests=chosen, by=person_of(request), now=timezone.now()))

    def _told(self, request: HttpRequest, count: int) -> None:
        text = "1 request goes" if count == 1 else f"{count} requests go"
        self.message_user(request, f"{text} through again. What fails five times more is parked again.")
