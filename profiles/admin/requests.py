from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from cdp.role_admin import LargeTableAdmin
from cdp.templatetags.cdp_text import exact
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
    sortable_by = ()
    fields = (
        ("received", "source"), ("route", "size"), ("assurance", "gpc"), ("event_count", "shown_state"),
        ("stored", "duplicates"), ("conflicts", "rejected_events"), ("attempts", "done"), "error",
    )  # fmt: skip
    readonly_fields = ("received", "source", "shown_state", "rejected_events", "done")
    empty_title = "No request has come in"
    empty_text = (
        "Every accepted request is listed here from the moment it is durable, with the count of what became of it."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboxRow]:
        names = Source.objects.filter(pk=OuterRef("source_id")).values("name")[:1]
        rows: QuerySet[InboxRow] = super().get_queryset(request)
        return rows.defer("body").annotate(source_name=Subquery(names)).order_by("-id")

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
