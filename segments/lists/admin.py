from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.decorators import display

from cdp.role_admin import RoleAdmin, person_of
from cdp.roles import Role
from cdp.templatetags.cdp_text import ago
from segments import dependents
from segments.catalogue import load_catalogue
from segments.lists import uploading
from segments.lists.reading import ListRefused, read
from segments.models import ListVersion, UploadedList

_INPUT = {"class": "cdp-input"}
_SHOWN = 50
_FILE = "CSV with a column per kind of name (email, user_id …), or one type:value or public profile id per line."


class FileForm(forms.Form):
    file = forms.FileField(widget=forms.ClearableFileInput(attrs=_INPUT), help_text=_FILE)


class ListForm(FileForm):
    key = forms.SlugField(
        max_length=50, widget=forms.TextInput(attrs=_INPUT), help_text="By which rules ask; it cannot change later."
    )
    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs=_INPUT))

    field_order = ("key", "name", "file")


@admin.register(UploadedList)
class UploadedListAdmin(RoleAdmin):
    """Uploaded lists: who is on them in figures, never in names."""

    adders = editors = deleters = (Role.AUTHOR, Role.ADMINISTRATOR)
    list_display = ("name", "key", "shown_rows", "shown_matched", "uploaded")
    list_display_links = ("name",)
    sortable_by = ("name", "key")
    ordering = ("name",)
    actions = None
    empty_title = "No list was uploaded"
    empty_text = "Upload names of people, and rules can ask who is on the list: also of people who are not known yet."

    def get_queryset(self, request: HttpRequest) -> QuerySet[UploadedList]:
        latest = ListVersion.objects.filter(list=OuterRef("pk")).order_by("-number")
        lists: QuerySet[UploadedList] = super().get_queryset(request)
        return lists.annotate(
            rows=Subquery(latest.values("rows")[:1]),
            matched=Subquery(latest.values("matched")[:1]),
            uploaded_at=Subquery(latest.values("uploaded_at")[:1]),
        )

    @display(description="rows")
    def shown_rows(self, found: Any) -> str:
        return f"{found.rows or 0:,}"

    @display(description="known when uploaded")
    def shown_matched(self, found: Any) -> str:
        return f"{found.matched or 0:,}"

    @display(description="uploaded")
    def uploaded(self, found: Any) -> str:
        return ago(found.uploaded_at) if found.uploaded_at else "–"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        pages = [path("<int:id>/forget/", view(require_POST(self.forget_view)), name="segments_uploadedlist_forget")]
        return [*pages, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Make a list of a file."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ListForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid() and (made := self._keep(request, form, None)):
            return HttpResponseRedirect(reverse("admin:segments_uploadedlist_change", args=[made.list_id]))
        return self._page(request, "segments/lists/new.html", title="New list", form=form)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A list's uploads, and the next one."""
        found = self._find(request, int(object_id) if object_id.isdecimal() else 0)
        form = FileForm(request.POST or None, request.FILES or None)
        if request.method == "POST":
            if not self.has_change_permission(request):
                raise PermissionDenied
            if form.is_valid() and self._keep(request, form, found):
                return HttpResponseRedirect(reverse("admin:segments_uploadedlist_change", args=[found.pk]))
        return self._told(request, found, form)

    def forget_view(self, request: HttpRequest, id: int) -> HttpResponse:
        """Erase the list's names."""
        if not self.has_delete_permission(request):
            raise PermissionDenied
        found, form = self._find(request, id), FileForm()
        try:
            uploading.forget(key=found.key, by=person_of(request), now=timezone.now())
        except ListRefused as refused:
            return self._told(request, found, form, refused=refused.message)
        return HttpResponseRedirect(reverse("admin:segments_uploadedlist_change", args=[found.pk]))

    def _keep(self, request: HttpRequest, form: FileForm, found: UploadedList | None) -> ListVersion | None:
        given, by, now = form.cleaned_data, person_of(request), timezone.now()
        try:
            uploaded = read(given["file"].read())
            if found is not None:
                return uploading.replace(key=found.key, uploaded=uploaded, by=by, now=now)
            return uploading.create(key=given["key"], name=given["name"], uploaded=uploaded, by=by, now=now)
        except ListRefused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, refused.message)
            return None

    def _told(self, request: HttpRequest, found: UploadedList, form: FileForm, *, refused: str = "") -> HttpResponse:
        versions = found.versions.select_related("uploaded_by").order_by("-number")[:_SHOWN]
        return self._page(
            request,
            "segments/lists/list.html",
            title=found.name,
            found=found,
            form=form,
            refused=refused,
            versions=versions,
            users=dependents.users_of_list(key=found.key, catalogue=load_catalogue()),
            may_change=self.has_change_permission(request),
        )

    def _find(self, request: HttpRequest, id: int) -> UploadedList:
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = UploadedList.objects.filter(pk=id).first()
        if found is None:
            raise Http404
        return found

    def _page(self, request: HttpRequest, template: str, **more: Any) -> HttpResponse:
        common = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        common["list_address"] = reverse("admin:segments_uploadedlist_changelist")
        return TemplateResponse(request, template, {**common, **more})
