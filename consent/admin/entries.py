import json
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from cdp.access import Actor
from cdp.ids import to_public
from cdp.models import Job
from cdp.role_admin import LargeTableAdmin, person_of, record_act
from cdp.roles import Role, has_role
from cdp.templatetags.cdp_text import exact
from consent import exports, ledger
from consent.admin.forms import ExportForm
from consent.models import Entry, EntryOperation, Purpose
from profiles.models import Origin

_PERIODS = {"day": 1, "week": 7, "month": 30, "quarter": 91}
_CHIPS = {EntryOperation.GRANT: "success", EntryOperation.DENY: "danger", EntryOperation.WITHDRAW: "warning"}


class PurposeFilter(admin.SimpleListFilter):
    title = "purpose"
    parameter_name = "purpose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(Purpose.objects.order_by("name").values_list("key", "name")[:100])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        return queryset.filter(purposes__contains=[self.value()]) if self.value() else queryset


class PeriodFilter(admin.SimpleListFilter):
    title = "recorded"
    parameter_name = "recorded"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, f"in the last {name}") for name in _PERIODS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        days = _PERIODS.get(self.value() or "")
        if days is None:
            return queryset
        start = datetime.combine(timezone.now().date() - timedelta(days=days - 1), time(), tzinfo=UTC)
        return queryset.filter(received_at__gte=start)


@admin.register(Entry)
class EntryAdmin(LargeTableAdmin):
    """The consent log, newest first: read only, for nobody can change it, and exported from here."""

    viewers = (Role.COMPLIANCE, Role.ADMINISTRATOR, Role.APPROVER)
    list_display = (
        "shown_operation",
        "shown_purposes",
        "person",
        "decided",
        "recorded",
        "channel",
        "source",
        "assurance",
        "id_of",
    )
    list_display_links = ("shown_operation", "id_of")
    list_filter = (PurposeFilter, "operation", PeriodFilter, "channel")
    sortable_by = ()
    ordering = ("-seq",)
    fields = readonly_fields = (
        "decision", "shown_purposes", "person", "decided", "recorded", "source", "channel", "assurance", "notice",
        "id_of", "sha256", "canonical_bytes",
    )  # fmt: skip
    change_list_template = "consent/entries.html"
    empty_title = "Nobody has decided anything yet"
    empty_text = "Grants, denials and withdrawals come with events, through the API, or from a browser's signal."

    @display(description="decision", label=_CHIPS)
    def shown_operation(self, entry: Entry) -> tuple[str, str]:
        return entry.operation, entry.get_operation_display()

    @display(description="decision")
    def decision(self, entry: Entry) -> str:
        return entry.get_operation_display()

    @display(description="person", empty_value="–")
    def person(self, entry: Any) -> str | SafeString:
        if entry.root_id is None:
            return ""
        address = reverse("admin:profiles_profile_change", args=[entry.root_id])
        return format_html('<a class="cdp-link cdp-mono" href="{}">{}</a>', address, to_public(entry.root_id))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        roots = Origin.objects.filter(id=OuterRef("origin_id")).values("root_id")[:1]
        entries: QuerySet[Entry] = super().get_queryset(request)
        return entries.annotate(root_id=Subquery(roots))

    @display(description="purposes")
    def shown_purposes(self, entry: Entry) -> str:
        return ", ".join(entry.purposes)

    @display(description="decided (UTC)")
    def decided(self, entry: Entry) -> str | SafeString:
        return exact(entry.occurred_at)

    @display(description="recorded (UTC)")
    def recorded(self, entry: Entry) -> str | SafeString:
        return exact(entry.received_at)

    @display(description="entry")
    def id_of(self, entry: Entry) -> str:
        return ledger.public_id(entry.seq)

    @display(description="notice", empty_value="–")
    def notice(self, entry: Entry) -> str:
        return f"{entry.notice_key}, version {entry.notice_version}" if entry.notice_key else ""

    @display(description="SHA-256 of the bytes")
    def sha256(self, entry: Entry) -> SafeString:
        return format_html('<code class="cdp-mono">{}</code>', bytes(entry.hash).hex())

    @display(description="canonical bytes (RFC 8785)")
    def canonical_bytes(self, entry: Entry) -> SafeString:
        encoded = bytes(entry.bytes).decode()
        return format_html(
            '<pre class="cdp-json">{}</pre><details><summary class="cdp-subtle">laid out</summary>'
            '<pre class="cdp-json">{}</pre></details>',
            encoded,
            json.dumps(json.loads(encoded), ensure_ascii=False, indent=2),
        )

    # -- exports -----------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        pages = [
            path("exports/", self.admin_site.admin_view(self.exports_view), name="consent_entry_exports"),
            path("exports/<int:id>/", self.admin_site.admin_view(self.download_view), name="consent_entry_export"),
        ]
        return [*pages, *super().get_urls()]

    def has_export_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, Role.COMPLIANCE)

    @transaction.atomic
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        more = {"may_export": self.has_export_permission(request), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, more)
        changes = (getattr(response, "context_data", None) or {}).get("cl")
        if changes:
            people = {row.root_id for row in changes.result_list if row.root_id is not None}
            record_act(request, "consent.list", profile_ids=sorted(people), fields=("consent",))
        return response

    @transaction.atomic
    def render_change_form(self, request: HttpRequest, *args: Any, obj: Any = None, **options: Any) -> HttpResponse:
        people = [] if obj.root_id is None else [obj.root_id]
        named = {"entry": ledger.public_id(obj.seq)}
        record_act(request, "consent.read", profile_ids=people, fields=("consent",), basis=named)
        response: HttpResponse = super().render_change_form(request, *args, obj=obj, **options)
        return response

    def exports_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for an export, and list those that were asked for."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        form = ExportForm(request.POST or None)
        if request.method == "POST" and form.is_valid() and self._ask(request, form):
            return HttpResponseRedirect(reverse("admin:consent_entry_exports"))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Exports of the consent log",
            "form": form,
            "media": self.media,
            "jobs": [_listed(job) for job in exports.recent()],
            "list_address": reverse("admin:consent_entry_changelist"),
        }
        return TemplateResponse(request, "consent/exports.html", context)

    def download_view(self, request: HttpRequest, id: int) -> FileResponse:
        if not self.has_export_permission(request):
            raise PermissionDenied
        job = exports.find(id)
        if job is None or not exports.is_ready(job):
            raise Http404
        exports.record_download(job=job, by=Actor.person(person_of(request)), now=timezone.now())
        path = exports.path_of(job)
        return FileResponse(path.open("rb"), as_attachment=True, filename=path.name, content_type="application/zip")

    def _ask(self, request: HttpRequest, form: ExportForm) -> bool:
        now, given = timezone.now(), form.cleaned_data
        try:
            exports.request(
                wanted=exports.Wanted(given["start"], given["end"] or now, given["purpose"]),
                by=Actor.person(person_of(request)),
                now=now,
            )
        except exports.ExportRefused as error:
            form.add_error("end" if error.field == "to" else "start", error.message)
            return False
        messages.success(request, "The export is being written. It appears below when it is ready.")
        return True


def _listed(job: Job) -> dict[str, Any]:
    stated = job.arguments["filter"]
    return {
        "id": job.pk,
        "state": job.state,
        "created_at": job.created_at,
        "created_by": job.created_by or job.arguments["requester"]["kind"],
        "period": stated,
        "entries": job.result["counts"]["entries"] if job.result else job.done,
        "manifest": job.result,
        "address": reverse("admin:consent_entry_export", args=[job.pk]) if exports.is_ready(job) else "",
    }
