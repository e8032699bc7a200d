import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import action, display

from cdp.role_admin import LargeTableAdmin, person_of, record_act
from cdp.roles import Role, has_role
from cdp.templatetags.cdp_text import exact
from profiles.admin.source_filter import SourceFilter
from profiles.ingest import rejections
from profiles.models import RejectedEvent, Source

_LONGEST_SHOWN = 40_000
_DAYS_OFFERED = 7


# From one code to the next in the index: DISTINCT would read the index's every entry to tell a dozen codes.
_CODES = """
WITH RECURSIVE codes (code) AS (
    SELECT min(code) FROM rejected_event
    UNION ALL
    SELECT (SELECT min(r.code) FROM rejected_event r WHERE r.code > c.code) FROM codes c WHERE c.code IS NOT NULL
)
SELECT code FROM codes WHERE code IS NOT NULL LIMIT 50
"""


class CodeFilter(admin.SimpleListFilter):
    title = "code"
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        with connection.cursor() as cursor:
            cursor.execute(_CODES)
            return [(code, code.replace("_", " ")) for (code,) in cursor.fetchall()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RejectedEvent]) -> QuerySet[RejectedEvent]:
        return queryset.filter(code=self.value()) if self.value() else queryset


class DayFilter(admin.SimpleListFilter):
    title = "day (UTC)"
    parameter_name = "day"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        today = timezone.now().date()
        days = [today - timedelta(days=n) for n in range(_DAYS_OFFERED)]
        names = ["Today", "Yesterday", *(f"{day:%A, %-d %b}" for day in days[2:])]
        return [(day.isoformat(), name) for day, name in zip(days, names, strict=True)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RejectedEvent]) -> QuerySet[RejectedEvent]:
        chosen = self.value() if self.value() in dict(self.lookup_choices) else None
        if not chosen:
            return queryset
        day = datetime.fromisoformat(chosen).replace(tzinfo=UTC)
        return queryset.filter(received_at__gte=day, received_at__lt=day + timedelta(days=1))


class ReplayedFilter(admin.SimpleListFilter):
    title = "replayed"
    parameter_name = "replayed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Not yet"), ("yes", "Sent through again")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RejectedEvent]) -> QuerySet[RejectedEvent]:
        return queryset.filter(replayed_at__isnull=self.value() == "no") if self.value() in ("yes", "no") else queryset


class RequestFilter(admin.SimpleListFilter):
    """Only reached by a link from the request; it offers no choices of its own."""

    title = "request"
    parameter_name = "request"

    def has_output(self) -> bool:
        return False

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("", "")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RejectedEvent]) -> QuerySet[RejectedEvent]:
        return queryset.filter(inbox_id=self.value()) if str(self.value() or "").isdigit() else queryset


class EventFilter(admin.SimpleListFilter):
    """Only reached by a link from a violation: there is no end to the names."""

    title = "event"
    parameter_name = "event"

    def has_output(self) -> bool:
        return False

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("", "")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RejectedEvent]) -> QuerySet[RejectedEvent]:
        return queryset.filter(event=self.value()) if self.value() else queryset


@admin.register(RejectedEvent)
class RejectedEventAdmin(LargeTableAdmin):
    """Events that were sent and not stored, whole, with the reason, ready to be sent through again."""

    list_display = ("shown_code", "reason", "event", "source", "received", "message_id", "replayed")
    list_display_links = ("shown_code", "reason")
    list_filter = (CodeFilter, SourceFilter, DayFilter, ReplayedFilter, RequestFilter, EventFilter)
    list_before_template = "profiles/rejected/replay_all.html"
    newest_by = "received_at"
    fields = (
        "reason", ("shown_code", "field"), ("source", "event"), "received", ("message_id", "position"),
        ("sent_with", "replayed"), "sent",
    )  # fmt: skip
    readonly_fields = ("shown_code", "received", "replayed", "sent", "sent_with")
    actions = ("replay_selected",)
    change_form_outer_before_template = "profiles/rejected/replay.html"
    empty_title = "No event was rejected"
    empty_text = (
        "An event that cannot be stored is kept here whole, with its reason and the field that caused it. "
        "The other events of its request are stored all the same."
    )

    def has_payload_permission(self, request: HttpRequest) -> bool:
        """What was sent may hold anything about anybody: it is shown to those who can do something about it."""
        return has_role(request.user, Role.AUTHOR, Role.ADMINISTRATOR, Role.COMPLIANCE)

    def get_fields(self, request: HttpRequest, obj: RejectedEvent | None = None) -> Sequence[Any]:
        fields: Sequence[Any] = super().get_fields(request, obj)
        return fields if self.has_payload_permission(request) else [name for name in fields if name != "sent"]

    def render_change_form(self, request: HttpRequest, *args: Any, obj: Any = None, **options: Any) -> HttpResponse:
        if self.has_payload_permission(request):
            record_act(request, "rejected_event.read", fields=("payload",), basis={"rejected_event": obj.pk})
        response: HttpResponse = super().render_change_form(request, *args, obj=obj, **options)
        return response

    def get_queryset(self, request: HttpRequest) -> QuerySet[RejectedEvent]:
        rows: QuerySet[RejectedEvent] = super().get_queryset(request)
        return rows.defer("payload").select_related("source")

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, Role.AUTHOR, Role.ADMINISTRATOR)

    @display(description="received (UTC)")
    def received(self, row: RejectedEvent) -> str | SafeString:
        return exact(row.received_at)

    @display(description="code", label="danger")
    def shown_code(self, row: RejectedEvent) -> str:
        return row.code

    @display(description="replayed (UTC)", empty_value="–")
    def replayed(self, row: RejectedEvent) -> str | SafeString:
        return exact(row.replayed_at) if row.replayed_at else "not yet"

    @display(description="request")
    def sent_with(self, row: RejectedEvent) -> str | SafeString:
        if row.inbox_id is None:
            return "–"
        address = reverse("admin:profiles_inboxrow_change", args=[row.inbox_id])
        return format_html('<a class="cdp-link" href="{}">{}</a>', address, row.inbox_id)

    @display(description="as it was sent")
    def sent(self, row: RejectedEvent) -> SafeString:
        return format_html('<pre class="cdp-json">{}</pre>', readable(bytes(row.payload)))

    def get_urls(self) -> list[URLPattern]:
        replay = self.admin_site.admin_view(require_POST(self.replay_view))
        replay_all = self.admin_site.admin_view(require_POST(self.replay_all_view))
        return [
            path("replay-all/", replay_all, name="profiles_rejectedevent_replay_all"),
            path("<int:object_id>/replay/", replay, name="profiles_rejectedevent_replay"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Where the list is narrowed to one source and one code, offer to send all of it through again."""
        found = _replayable(request) if self.has_replay_permission(request) else None
        response: HttpResponse = super().changelist_view(request, {"replayable": found, **(extra_context or {})})
        return response

    def replay_all_view(self, request: HttpRequest) -> HttpResponseRedirect:
        if not self.has_replay_permission(request):
            raise PermissionDenied
        source = Source.objects.filter(pk=request.POST.get("source", "")).first()
        if source is None:
            raise Http404
        done = rejections.replay_all(
            source=source,
            code=request.POST.get("code", ""),
            event=request.POST.get("event") or None,
            by=person_of(request),
            now=timezone.now(),
        )
        more = f" {done.left:,} more wait: press again." if done.left else ""
        text = "1 event goes" if done.events == 1 else f"{done.events:,} events go"
        self.message_user(request, f"{text} through again.{more} What is refused once more appears as a new row.")
        return HttpResponseRedirect(reverse("admin:profiles_rejectedevent_changelist"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        waits = RejectedEvent.objects.filter(pk=object_id, replayed_at__isnull=True) if object_id.isdigit() else None
        may = self.has_replay_permission(request) and waits is not None and waits.exists()
        context = {"may_replay": may, **(extra_context or {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def replay_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        if not self.has_replay_permission(request):
            raise PermissionDenied
        return self._replay(request, RejectedEvent.objects.filter(pk=object_id), back=object_id)

    @action(description="Send the selected events through again", permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[RejectedEvent]) -> HttpResponseRedirect:
        return self._replay(request, queryset)

    def _replay(
        self, request: HttpRequest, rows: QuerySet[RejectedEvent], back: int | None = None
    ) -> HttpResponseRedirect:
        sent = 0
        for row in rows:
            try:
                rejections.replay(rejected=row, by=person_of(request), now=timezone.now())
                sent += 1
            except rejections.NotReplayable as refusal:
                self.message_user(request, refusal.message, messages.WARNING)
        if sent:
            text = "The event goes" if sent == 1 else f"{sent} events go"
            self.message_user(request, f"{text} through again. What is refused once more appears as a new row.")
        name = "change" if back else "changelist"
        return HttpResponseRedirect(reverse(f"admin:profiles_rejectedevent_{name}", args=[back] if back else []))


_MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Replayable:
    """What the list shows and can be sent through again; `asked` is how it was narrowed."""

    source: str
    code: str
    event: str
    count: int
    is_more: bool
    asked: dict[str, str]


def _replayable(request: HttpRequest) -> Replayable | None:
    asked = {name: request.GET.get(name, "") for name in ("source", "code", "event")}
    source = Source.objects.filter(pk=asked["source"]).first() if asked["source"].isdigit() else None
    if source is None or not asked["code"]:
        return None
    waiting = RejectedEvent.objects.filter(
        source=source, code=asked["code"], replayed_at__isnull=True, inbox_id__isnull=False
    )
    if asked["event"]:
        waiting = waiting.filter(event=asked["event"])
    count = waiting[: _MOST_COUNTED + 1].count()
    if not count or not waiting.order_by("-id").values_list("payload", flat=True)[0]:
        return None  # what was refused for want of consent is not kept, so there is nothing to send
    return Replayable(
        source.name, asked["code"], asked["event"], min(count, _MOST_COUNTED), count > _MOST_COUNTED, asked
    )


def readable(payload: bytes) -> str:
    """Write what was sent as indented JSON where it is JSON, else as text with what cannot be read marked."""
    try:
        plain = gzip.decompress(payload) if payload[:2] == b"\x1f\x8b" else payload
        text = json.dumps(json.loads(plain), ensure_ascii=False, indent=2)
        text.encode()  # a lone surrogate is JSON and cannot be shown
    except (ValueError, OSError, EOFError, RecursionError):
        text = payload.decode(errors="replace")
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "\n… (the rest is left out here)"
