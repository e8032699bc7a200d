from datetime import UTC, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.decorators import display

from cdp.access import Actor
from cdp.leased_jobs import OPEN
from cdp.role_admin import LargeTableAdmin, person_of
from cdp.templatetags.cdp_text import ago
from profiles.admin.file_forms import DataExportForm
from profiles.admin.imports import CHIPS
from profiles.api.exports import EXPORTERS, download_of
from profiles.exports import asking, jobs
from profiles.models import DataExport


@admin.register(DataExport)
class DataExportAdmin(LargeTableAdmin):
    """Exports of people, events and memberships: asked for here, written in the background, deleted after some days."""

    viewers = adders = EXPORTERS
    list_display = ("shown_id", "shown_state", "purpose", "period", "rows_written", "asked")
    sortable_by = ()
    empty_title = "Nobody has exported anything"
    empty_text = "People, events and memberships leave here as Parquet by day, for a purpose that permits it."

    @display(description="export")
    def shown_id(self, job: DataExport) -> str:
        return f"Export {job.pk}"

    @display(description="state", label=CHIPS)
    def shown_state(self, job: DataExport) -> str:
        return job.state

    @display(description="purpose")
    def purpose(self, job: DataExport) -> str:
        return str(job.arguments["filter"]["purpose"])

    @display(description="days")
    def period(self, job: DataExport) -> str:
        return f"{job.arguments['filter']['from']} to {job.arguments['filter']['to']}"

    @display(description="rows")
    def rows_written(self, job: DataExport) -> str:
        return f"{job.done:,}"

    @display(description="asked for")
    def asked(self, job: DataExport) -> str:
        return ago(job.created_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DataExport]:
        found: QuerySet[DataExport] = super().get_queryset(request)
        return found.defer("result").order_by("-id")  # a manifest names a file per table and day

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        pages = [
            path("<int:id>/download/", view(self.download_view), name="profiles_dataexport_download"),
            path("<int:id>/cancel/", view(require_POST(self.cancel_view)), name="profiles_dataexport_cancel"),
        ]
        return [*pages, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Take a wish, and leave it to a worker."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        today = timezone.now().astimezone(UTC).date()
        first = {"start": today - timedelta(days=30), "end": today, "format": asking.Format.PARQUET.value}
        named = {name: request.GET[name] for name in ("segment", "start", "end") if name in request.GET}
        form = DataExportForm(request.POST or None, initial=first | named)
        if request.method == "POST" and form.is_valid() and (job := self._ask(request, form)):
            return HttpResponseRedirect(reverse("admin:profiles_dataexport_change", args=[job]))
        return TemplateResponse(
            request, "profiles/files/export_new.html", self._context(request, title="New export", form=form)
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        job = self._find(request, int(object_id) if object_id.isdecimal() else 0)
        context = self._context(
            request,
            title=f"Export {job.pk}",
            job=job,
            is_open=job.state in OPEN,
            is_ready=jobs.is_ready(job, now=timezone.now()),
            kept_until=jobs.kept_until(job),
            manifest=job.result,
            asked=job.arguments["filter"],
        )
        return TemplateResponse(request, "profiles/files/export.html", context)

    def download_view(self, request: HttpRequest, id: int) -> Any:
        job = self._find(request, id)
        if not jobs.is_ready(job, now=timezone.now()):
            raise Http404
        return download_of(job, by=Actor.person(person_of(request)))

    def cancel_view(self, request: HttpRequest, id: int) -> HttpResponse:
        job = self._find(request, id)
        asking.cancel(job=job, by=Actor.person(person_of(request)), now=timezone.now())
        return HttpResponseRedirect(reverse("admin:profiles_dataexport_change", args=[job.pk]))

    def _ask(self, request: HttpRequest, form: DataExportForm) -> int | None:
        given = form.cleaned_data
        wanted = asking.Wanted(
            given["purpose"],
            given["start"],
            given["end"],
            tuple(given["tables"]),
            given["segment"],
            asking.Format(given["format"] or asking.Format.PARQUET),
        )
        try:
            job = asking.request(wanted=wanted, by=Actor.person(person_of(request)), now=timezone.now())
        except asking.ExportRefused as error:
            form.add_error({"from": "start", "to": "end"}.get(error.field, error.field), error.message)
            return None
        messages.success(request, "The export is being written.")
        return job.pk

    def _find(self, request: HttpRequest, id: int) -> Any:
        job = asking.find(id)
        if not self.has_view_permission(request):
            raise PermissionDenied
        if job is None:
            raise Http404
        return job

    def _context(self, request: HttpRequest, **more: Any) -> dict[str, Any]:
        common = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        return {**common, "list_address": reverse("admin:profiles_dataexport_changelist"), **more}
