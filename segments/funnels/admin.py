import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from cdp.role_admin import RoleAdmin, person_of
from cdp.roles import Role
from cdp.templatetags.cdp_text import ago
from segments.catalogue import load_catalogue
from segments.funnels import report, saved
from segments.funnels.definition import SPLITTABLE, FunnelInvalid
from segments.funnels.report import Group, Report, ReportRefused
from segments.models import Funnel, Segment
from segments.templatetags.funnel_text import group_name

_INPUT = {"class": "cdp-input"}
_FIRST = {
    "steps": [{"event": "Product Viewed"}, {"event": "Order Completed"}],
    "within": "7d",
    "order": "any",
}
_DAYS = "%Y-%m-%d"
_CHOICES = 200


class _Definition(forms.JSONField):
    """JSON as somebody would write it by hand."""

    def prepare_value(self, value: Any) -> Any:
        return (
            json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, dict) else super().prepare_value(value)
        )


class FunnelForm(forms.Form):
    key = forms.SlugField(
        max_length=100, widget=forms.TextInput(attrs=_INPUT), help_text="By which apps ask; it cannot change later."
    )
    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs=_INPUT))
    description = forms.CharField(required=False, max_length=5000, widget=forms.Textarea(attrs={**_INPUT, "rows": 2}))
    definition = _Definition(
        widget=forms.Textarea(attrs={**_INPUT, "rows": 12, "spellcheck": "false"}),
        help_text="Steps in order, each an event and, if need be, a where as in rules of segments; within: from the"
        " first step to the last; order: any (anything may come between) or strict.",
    )


class QuestionForm(forms.Form):
    start = forms.DateField(
        label="Entered from", widget=forms.DateInput(attrs={**_INPUT, "type": "date"}, format=_DAYS)
    )
    end = forms.DateField(
        label="Up to and with", widget=forms.DateInput(attrs={**_INPUT, "type": "date"}, format=_DAYS)
    )
    split = forms.ChoiceField(required=False, widget=forms.Select(attrs=_INPUT))

    def __init__(self, *args: Any, choices: list[tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["split"].choices = [("", "nothing"), *choices]  # type: ignore[attr-defined]


@admin.register(Funnel)
class FunnelAdmin(RoleAdmin):
    """Funnels with their reports: how many people do one thing after another, and where they stop."""

    adders = editors = deleters = (Role.AUTHOR, Role.ADMINISTRATOR)
    list_display = ("name", "key", "shown_steps", "changed")
    list_display_links = ("name",)
    sortable_by = ("name", "key")
    ordering = ("name",)
    actions = None
    empty_title = "No funnel is kept"
    empty_text = "Add the steps that people should take, and see how many do, where they stop and how long they take."

    @display(description="steps")
    def shown_steps(self, funnel: Funnel) -> SafeString:
        steps = " → ".join(str(step.get("event")) for step in funnel.definition.get("steps", ()))
        return format_html('<span class="cdp-subtle">{}</span>', steps)

    @display(description="changed")
    def changed(self, funnel: Funnel) -> str:
        return ago(funnel.updated_at)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        pages = [
            path("<int:id>/edit/", view(self.edit_view), name="segments_funnel_edit"),
            path("<int:id>/remove/", view(require_POST(self.remove_view)), name="segments_funnel_remove"),
        ]
        return [*pages, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Keep a new funnel."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = FunnelForm(request.POST or None, initial={"definition": _FIRST})
        if request.method == "POST" and form.is_valid() and (made := self._keep(request, form, None)):
            return HttpResponseRedirect(reverse("admin:segments_funnel_change", args=[made.pk]))
        return self._page(request, "segments/funnels/edit.html", form=form, title="New funnel")

    def edit_view(self, request: HttpRequest, id: int) -> HttpResponse:
        """Change what a funnel says."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        funnel = self._find(request, id)
        stated = {"key": funnel.key, "name": funnel.name, "description": funnel.description}
        form = FunnelForm(request.POST or None, initial={**stated, "definition": funnel.definition})
        form.fields["key"].disabled = True
        if request.method == "POST" and form.is_valid() and self._keep(request, form, funnel):
            return HttpResponseRedirect(reverse("admin:segments_funnel_change", args=[id]))
        return self._page(request, "segments/funnels/edit.html", form=form, title=funnel.name, funnel=funnel)

    def remove_view(self, request: HttpRequest, id: int) -> HttpResponse:
        if not self.has_delete_permission(request):
            raise PermissionDenied
        saved.remove(funnel=self._find(request, id), by=person_of(request), now=timezone.now())
        return HttpResponseRedirect(reverse("admin:segments_funnel_changelist"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the report: a chart and a table, for a period and split as asked."""
        funnel = self._find(request, int(object_id) if object_id.isdecimal() else 0)
        now = timezone.now()
        today = now.astimezone(UTC).date()
        usual = {"start": today - timedelta(days=report.USUAL_DAYS - 1), "end": today, "split": ""}
        asked = {name: request.GET.get(name) or value for name, value in usual.items()}
        form = QuestionForm(asked, choices=_splits(funnel))
        told = self._ask(funnel, form, now=now) if form.is_valid() else None
        return self._page(
            request,
            "segments/funnels/report.html",
            title=funnel.name,
            funnel=funnel,
            form=form,
            report=told,
            bars=_bars(told),
            definition=json.dumps(funnel.definition, indent=2, ensure_ascii=False),
            may_change=self.has_change_permission(request),
        )

    def _ask(self, funnel: Funnel, form: QuestionForm, *, now: datetime) -> Report | None:
        given = form.cleaned_data
        start, last = (datetime.combine(given[side], datetime.min.time(), tzinfo=UTC) for side in ("start", "end"))
        try:
            period = report.period(start=start, end=min(last + timedelta(days=1), now), now=now)
            return report.ask(document=funnel.definition, period=period, split=given["split"], now=now)
        except ReportRefused as refused:
            form.add_error({"from": "start", "to": "end"}.get(refused.field, refused.field), refused.message)
        except FunnelInvalid as refused:
            form.add_error(None, f"The funnel no longer fits what is known of events. {refused}")
        return None

    def _keep(self, request: HttpRequest, form: FunnelForm, funnel: Funnel | None) -> Funnel | None:
        given = form.cleaned_data
        told = {"name": given["name"], "description": given["description"], "document": given["definition"]}
        by, now = person_of(request), timezone.now()
        try:
            if funnel is not None:
                return saved.change(funnel=funnel, **told, by=by, now=now)
            return saved.create(key=given["key"], **told, by=by, now=now)
        except FunnelInvalid as refused:
            for problem in refused.problems:
                own = problem.path in ("key", "name", "description")
                form.add_error(problem.path if own else "definition", f"{problem.path}: {problem.message}")
        except saved.KeyTaken:
            form.add_error("key", "There is a funnel under this key already.")
        return None

    def _find(self, request: HttpRequest, id: int) -> Funnel:
        if not self.has_view_permission(request):
            raise PermissionDenied
        funnel = Funnel.objects.filter(pk=id).first()
        if funnel is None:
            raise Http404
        return funnel

    def _page(self, request: HttpRequest, template: str, **more: Any) -> HttpResponse:
        common = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        common["list_address"] = reverse("admin:segments_funnel_changelist")
        return TemplateResponse(request, template, {**common, **more})


def _splits(funnel: Funnel) -> list[tuple[str, str]]:
    """What people can be split by: a property of the first step's event, or a segment."""
    first = funnel.definition["steps"][0]["event"]
    properties = sorted(
        name for (event, name), kind in load_catalogue().properties.items() if event == first and kind in SPLITTABLE
    )
    segments = list(Segment.objects.order_by("key").values_list("key", "name")[:_CHOICES])
    return [
        *((f"property:{name}", f"{name} of {first}") for name in properties[:_CHOICES]),
        *((f"segment:{key}", f"in {name}, now") for key, name in segments),
        *((f"segment_at_entry:{key}", f"in {name}, when they entered") for key, name in segments),
    ]


def _bars(told: Report | None) -> list[dict[str, Any]]:
    """The chart: per step and group, how high the bar is, as a share of the largest group that entered."""
    if told is None:
        return []
    groups = [told.total] if not told.groups else list(told.groups)
    highest = max((group.entered or 0 for group in groups), default=0)
    steps = enumerate(told.total.steps)
    return [
        {"number": number + 1, "event": step.event, "columns": [_column(group, number, highest) for group in groups]}
        for number, step in steps
    ]


def _column(group: Group, number: int, highest: int) -> dict[str, Any]:
    step = group.steps[number]
    height = 0.0 if not step.people or not highest else round(100 * step.people / highest, 2)
    return {"group": group_name(group), "step": step, "height": f"{height}%", "is_withheld": step.people is None}
