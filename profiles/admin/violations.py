"""What did not follow its plan: counted by day, with the way to the events that were blocked for it."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from cdp.governance.admin import NOTHING
from cdp.role_admin import LargeTableAdmin
from cdp.templatetags.cdp_text import exact
from profiles.admin.source_filter import SourceFilter
from profiles.models import ViolationCount
from profiles.plans import violations
from profiles.plans.findings import Consequence, ViolationType
from profiles.plans.gate import SCHEMA_VIOLATION, UNPLANNED_EVENT

_DAYS_OFFERED = 14


class TypeFilter(admin.SimpleListFilter):
    title = "what is wrong"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.value, kind.value) for kind in ViolationType]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ViolationCount]) -> QuerySet[ViolationCount]:
        return queryset.filter(type=self.value()) if self.value() else queryset


class ConsequenceFilter(admin.SimpleListFilter):
    title = "what became of it"
    parameter_name = "consequence"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(became.value, became.value) for became in Consequence]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ViolationCount]) -> QuerySet[ViolationCount]:
        return queryset.filter(consequence=self.value()) if self.value() else queryset


class DayFilter(admin.SimpleListFilter):
    title = "day (UTC)"
    parameter_name = "on"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        today = timezone.now().date()
        return [
            (day.isoformat(), f"{day:%-d %b %Y}") for day in (today - timedelta(days=n) for n in range(_DAYS_OFFERED))
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ViolationCount]) -> QuerySet[ViolationCount]:
        chosen = self.value() if self.value() in dict(self.lookup_choices) else None
        return queryset.filter(day=date.fromisoformat(chosen)) if chosen else queryset


@admin.register(ViolationCount)
class ViolationCountAdmin(LargeTableAdmin):
    """Counts of what did not follow a plan."""

    list_display = (
        "day", "source", "shown_event", "field", "shown_type", "shown_consequence", "shown_count", "shown_last",
        "shown_plan",
    )  # fmt: skip
    list_display_links = ("shown_event",)
    list_filter = (SourceFilter, TypeFilter, ConsequenceFilter, DayFilter)
    list_select_related = ("source", "plan_version__head")
    search_fields = ("event__istartswith",)
    search_help_text = "An event, by how its name begins"
    sortable_by = ()
    ordering = ("-day", "-count", "id")
    fields = (
        ("shown_event", "kind"), ("field", "shown_type"), "description", ("shown_consequence", "shown_count"),
        ("source", "shown_plan"), ("shown_first", "shown_last"), "shown_message_ids", "blocked_events",
    )  # fmt: skip
    readonly_fields = (
        "shown_event", "shown_type", "shown_consequence", "shown_count", "shown_plan", "shown_first", "shown_last",
        "shown_message_ids", "blocked_events",
    )  # fmt: skip
    list_before_template = "profiles/violations/export.html"
    empty_title = "Nothing broke a plan"
    empty_text = (
        "Where a source follows a tracking plan, every event, property and value that does not is counted here, with "
        "what became of it."
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name="profiles_violationcount_export"), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """Hand out every count as one line, in the shape that Segment gives violations."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        answer = StreamingHttpResponse(violations.lines(violations.counted()), content_type="application/x-ndjson")
        answer["Content-Disposition"] = 'attachment; filename="violations.jsonl"'
        return answer

    @display(description="event")
    def shown_event(self, row: ViolationCount) -> str:
        return row.event

    @display(description="what is wrong", label="warning")
    def shown_type(self, row: ViolationCount) -> str:
        return row.type

    @display(description="became of it", label={"blocked": "danger", "omitted": "warning", "allowed": "info"})
    def shown_consequence(self, row: ViolationCount) -> str:
        return row.consequence

    @display(description="times")
    def shown_count(self, row: ViolationCount) -> str:
        return f"{row.count:,}"

    @display(description="first (UTC)")
    def shown_first(self, row: ViolationCount) -> str | SafeString:
        return exact(row.first_at)

    @display(description="last (UTC)")
    def shown_last(self, row: ViolationCount) -> str | SafeString:
        return exact(row.last_at)

    @display(description="plan")
    def shown_plan(self, row: ViolationCount) -> SafeString:
        version = row.plan_version
        address = reverse("admin:profiles_trackingplan_version", args=[version.head_id, version.number])
        return format_html('<a class="cdp-link" href="{}">{} v{}</a>', address, version.head.name, version.number)

    @display(description="latest message ids")
    def shown_message_ids(self, row: ViolationCount) -> SafeString:
        return format_html_join("", '<span class="cdp-mono">{}</span><br>', ((one,) for one in row.message_ids))

    @display(description="blocked events")
    def blocked_events(self, row: ViolationCount) -> SafeString:
        if row.consequence != Consequence.BLOCKED:
            return NOTHING
        code = UNPLANNED_EVENT if row.type == ViolationType.UNPLANNED_EVENT else SCHEMA_VIOLATION
        asked = urlencode({"source": row.source_id, "code": code, "event": row.event, "replayed": "no"})
        address = reverse("admin:profiles_rejectedevent_changelist")
        return format_html('<a class="cdp-link" href="{}?{}">See them, and send them through again</a>', address, asked)
