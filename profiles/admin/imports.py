import json
import tempfile
from pathlib import Path
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
from cdp.roles import Role
from cdp.templatetags.cdp_text import ago
from profiles.admin.file_forms import ImportForm
from profiles.api.imports import report_of
from profiles.identity.rules import known_types
from profiles.imports import proposing, reports, uploads
from profiles.imports.reading import FileRefused
from profiles.models import ImportJob

CHIPS = {"done": "success", "failed": "danger", "cancelled": "warning", "running": "info", "queued": "info"}


@admin.register(ImportJob)
class ImportJobAdmin(LargeTableAdmin):
    """Files that were imported: upload, progress, and what failed row by row."""

    viewers = adders = (Role.AUTHOR, Role.ADMINISTRATOR)
    list_display = ("shown_id", "shown_state", "what", "rows_read", "not_in", "asked")
    list_select_related = ("created_by",)
    sortable_by = ()
    ordering = ("-id",)
    empty_title = "No file has been imported"
    empty_text = "Upload people from a CRM or old events here, or use manage.py import_profiles and import_events."

    @display(description="import")
    def shown_id(self, job: ImportJob) -> str:
        return f"Import {job.pk}"

    @display(description="state", label=CHIPS)
    def shown_state(self, job: ImportJob) -> str:
        return job.state

    @display(description="of")
    def what(self, job: ImportJob) -> str:
        return f"{job.arguments.get('kind', 'events')} from {job.arguments.get('source', '–')}"

    @display(description="rows read")
    def rows_read(self, job: ImportJob) -> str:
        return f"{job.done:,}"

    @display(description="not readable")
    def not_in(self, job: ImportJob) -> str:
        return f"{(job.result or {}).get('unreadable', 0):,}"

    @display(description="asked for")
    def asked(self, job: ImportJob) -> str:
        return ago(job.created_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportJob]:
        jobs: QuerySet[ImportJob] = super().get_queryset(request)
        return jobs.order_by("-id")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        pages = [
            path("<int:id>/report.csv", view(self.report_view), name="profiles_importjob_report"),
            path("<int:id>/cancel/", view(require_POST(self.cancel_view)), name="profiles_importjob_cancel"),
        ]
        return [*pages, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Take a file; without a mapping, propose one and ask again."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            if not form.cleaned_data["mapping"].strip():
                form = self._proposed(request, form)
            elif job := self._ask(request, form):
                return HttpResponseRedirect(reverse("admin:profiles_importjob_change", args=[job]))
        return TemplateResponse(
            request, "profiles/files/import_new.html", self._context(request, title="New import", form=form)
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        job = self._find(request, int(object_id) if object_id.isdecimal() else 0)
        context = self._context(
            request,
            title=f"Import {job.pk}",
            job=job,
            is_open=job.state in OPEN,
            totals=reports.totals(job),
            faults=reports.faults(job, limit=50),
            mapping=json.dumps(job.arguments.get("mapping"), indent=2, ensure_ascii=False),
        )
        return TemplateResponse(request, "profiles/files/import.html", context)

    def report_view(self, request: HttpRequest, id: int) -> Any:
        return report_of(self._find(request, id))

    def cancel_view(self, request: HttpRequest, id: int) -> HttpResponse:
        job = self._find(request, id)
        uploads.cancel(job=job, by=Actor.person(person_of(request)), now=timezone.now())
        return HttpResponseRedirect(reverse("admin:profiles_importjob_change", args=[job.pk]))

    def _ask(self, request: HttpRequest, form: ImportForm) -> int | None:
        given = form.cleaned_data
        kind = uploads.FileKind(given["kind"])
        wanted = uploads.Wanted(kind, given["mapping"].encode(errors="replace"), given["source"], given["dated"])
        by, now = Actor.person(person_of(request)), timezone.now()
        try:
            return uploads.request(file=given["file"], wanted=wanted, by=by, now=now).pk
        except uploads.ImportRefused as refused:
            form.add_error(refused.field.partition(".")[0], refused.message)
            return None

    def _proposed(self, request: HttpRequest, form: ImportForm) -> ImportForm:
        given = form.cleaned_data
        if given["kind"] != uploads.FileKind.PEOPLE:
            form.add_error("mapping", "Events need a mapping: manage.py import_events lists those that are shipped.")
            return form
        try:
            proposed = _proposal(given["file"])
        except FileRefused as refused:
            form.add_error("file", str(refused))
            return form
        messages.info(request, "This is what the header suggests. Look it over, choose the file again, and import.")
        stated = {"kind": given["kind"], "source": given["source"], "mapping": json.dumps(proposed, indent=2)}
        return ImportForm(initial=stated)

    def _find(self, request: HttpRequest, id: int) -> Any:
        job = uploads.find(id)
        if not self.has_view_permission(request):
            raise PermissionDenied
        if job is None:
            raise Http404
        return job

    def _context(self, request: HttpRequest, **more: Any) -> dict[str, Any]:
        common = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        return {**common, "list_address": reverse("admin:profiles_importjob_changelist"), **more}


def _proposal(file: Any) -> dict[str, Any]:
    """Propose from a copy on disk, which readers of every kind of file can open."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / (Path(file.name).name or "people")
        with copy.open("wb") as kept:
            for chunk in file.chunks():
                kept.write(chunk)
        return proposing.as_document(proposing.propose(copy, known_types=known_types()))
