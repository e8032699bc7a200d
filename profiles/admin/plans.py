"""Tracking plans: written in a table or as JSON, learned from a source, brought in and taken out."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from cdp.governance.admin import GovernedAdmin, Section
from cdp.governance.errors import GovernanceError
from cdp.governance.forms import ContentForm
from cdp.role_admin import person_of
from cdp.roles import Role, has_role
from profiles.admin.evidence import drawn
from profiles.models import Source, TrackingPlan
from profiles.plans import exchange, plan, tables, tracking_plans
from profiles.plans.exchange import Form
from profiles.plans.learning import Habits
from profiles.plans.plan import PlanInvalid

_MOST_UPLOADED = 4 * 1024 * 1024


class PlanForm(ContentForm):
    """The plan as JSON; where scripts run, a table above it edits the same text."""

    class Media:
        js: ClassVar = ("profiles/plan.js",)
        css: ClassVar = {"all": ("profiles/plan.css",)}


class LearnForm(forms.Form):
    source = forms.ModelChoiceField(Source.objects.order_by("name"), widget=forms.Select(attrs={"class": "cdp-input"}))
    required_share = forms.IntegerField(
        min_value=1,
        max_value=100,
        initial=100,
        label="Required when present in at least (% of events)",
        widget=forms.NumberInput(attrs={"class": "cdp-input"}),
    )


class ImportForm(forms.Form):
    file = forms.FileField(
        help_text="JSON: Segment's rules, or Iglu's self-describing schemas. Or a zip of an Iglu registry's folders.",
        widget=forms.ClearableFileInput(attrs={"class": "cdp-input", "accept": ".json,.zip,application/json"}),
    )


@admin.register(TrackingPlan)
class TrackingPlanAdmin(GovernedAdmin):
    """Which events a source may send, and what each of them holds."""

    content_form = PlanForm
    content_template = "profiles/plans/content.html"
    change_form_outer_before_template = "profiles/plans/head.html"
    list_display: Any = ("name", "key", "shown_rules", "shown_live", "shown_waiting", "owner")
    empty_title = "No tracking plan yet"
    empty_text = (
        "A plan lists the events that a source may send and what they hold. Write one, have it learned from what a "
        "source has sent, or bring one in from Segment or Iglu; then name it in a version of the source."
    )

    @display(description="rules")
    def shown_rules(self, head: TrackingPlan) -> str:
        return f"{len(head.live_version.content['rules'])}" if head.live_version else "–"

    def first_content(self) -> Any:
        return {"rules": []}

    def sections(self, version: Any) -> Sequence[Section]:
        try:
            rules = plan.read(version.content)
        except PlanInvalid:
            return ()
        drawn_rules = render_to_string("profiles/plans/rules.html", {"rules": tables.described(rules)})
        return (Section("Events and what they hold", SafeString(drawn_rules)),)

    def evidence(self, version: Any) -> SafeString | None:
        return drawn(version.evidence)

    def _versions_context(self, request: HttpRequest, head: Any) -> dict[str, Any]:
        context = super()._versions_context(request, head)
        newest = head.live_version or next(iter(context["versions"]), None)
        return {
            **context,
            "plan": head,
            "followers": tracking_plans.followers(head),
            "may_write": has_role(request.user, Role.AUTHOR),
            "learn_form": LearnForm(),
            "import_form": ImportForm(),
            "exports": [
                (form.label, self._address("export", head.pk, newest.number, form.value)) for form in Form if newest
            ],
            "exported": newest,
        }

    def get_urls(self) -> list[URLPattern]:
        pages: list[tuple[str, str, Callable[..., HttpResponse]]] = [
            ("<int:head_id>/learn/", "learn", require_POST(self.learn_view)),
            ("<int:head_id>/import/", "import", require_POST(self.import_view)),
            ("<int:head_id>/versions/<int:number>/export/<slug:form>/", "export", self.export_view),
        ]
        own = [path(route, self.admin_site.admin_view(view), name=self._name(name)) for route, name, view in pages]
        return [*own, *super().get_urls()]

    def learn_view(self, request: HttpRequest, head_id: int) -> HttpResponse:
        """Draft a version from what a source sent."""
        head = self._head(request, head_id)
        self._require_author(request)
        form = LearnForm(request.POST)
        if not form.is_valid():
            messages.error(request, "Choose a source, and a share from 1 to 100.")
            return self._back(head_id)
        habits = Habits(required_share=form.cleaned_data["required_share"] / 100)
        return self._drafted(
            request,
            head_id,
            lambda: tracking_plans.learn(
                head=head, source=form.cleaned_data["source"], habits=habits, by=person_of(request), now=timezone.now()
            ),
        )

    def import_view(self, request: HttpRequest, head_id: int) -> HttpResponse:
        """Draft a version from a file."""
        head = self._head(request, head_id)
        self._require_author(request)
        form = ImportForm(request.POST, request.FILES)
        if not form.is_valid() or form.cleaned_data["file"].size > _MOST_UPLOADED:
            messages.error(request, f"Choose a file of at most {_MOST_UPLOADED // 1024 // 1024} MB.")
            return self._back(head_id)
        body = form.cleaned_data["file"].read()
        return self._drafted(
            request,
            head_id,
            lambda: tracking_plans.take_in(
                head=head, document=exchange.opened(body), by=person_of(request), now=timezone.now()
            ),
        )

    def export_view(self, request: HttpRequest, head_id: int, number: int, form: str) -> HttpResponse:
        version = self._version(request, head_id, number)
        if form not in Form.values:
            raise Http404
        told = exchange.told(version, Form(form))
        answer = HttpResponse(told.body, content_type=told.content_type)
        answer["Content-Disposition"] = f'attachment; filename="{told.filename}"'
        return answer

    def _drafted(self, request: HttpRequest, head_id: int, draft: Callable[[], Any]) -> HttpResponse:
        try:
            version = draft()
        except PlanInvalid as error:
            messages.error(request, "; ".join(f"{fault.field}: {fault.reason}" for fault in error.faults[:5]))
        except GovernanceError as error:
            told = "; ".join(f"{fault.field}: {fault.detail}" for fault in error.errors[:5])
            messages.error(request, told or error.message)
        else:
            return self._written(request, version)
        return self._back(head_id)

    def _back(self, head_id: int) -> HttpResponse:
        return HttpResponseRedirect(self._address("change", head_id))
