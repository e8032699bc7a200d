from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from cdp.governance.errors import GovernanceError
from cdp.role_admin import LargeTableAdmin, person_of
from cdp.roles import Role, has_role
from cdp.templatetags.cdp_text import exact
from segments.models import Outcome, ThresholdDecision
from segments.rules.thresholds import Statistic, Threshold, amount, short
from segments.thresholds import deciding

_CHIPS = {
    Outcome.ASKED: "warning",
    Outcome.REFUSED: "bad",
    Outcome.KEPT: "accent",
}


class DecisionForm(forms.Form):
    comment = forms.CharField(
        max_length=5000,
        widget=forms.Textarea(attrs={"class": "cdp-input", "rows": 3}),
        help_text="Why: it stays with the decision.",
    )


@admin.register(ThresholdDecision)
class ThresholdDecisionAdmin(LargeTableAdmin):
    """Snapshots of thresholds and what became of them; what waits is decided on its page."""

    list_display = (
        "segment",
        "place",
        "shown_value",
        "shown_people",
        "shown_moved",
        "shown_outcome",
        "decided_by",
        "on",
    )
    list_display_links = ("segment",)
    list_filter = ("outcome",)
    list_select_related = ("version__head", "snapshot__over", "decided_by")
    empty_title = "No rule compares with its population"
    empty_text = 'A rule that says {"percentile": 80} has its value taken on a schedule: each snapshot is told here.'

    @display(description="segment")
    def segment(self, row: ThresholdDecision) -> str:
        return f"{row.version.head.name} {row.version}"

    @display(description="measured")
    def place(self, row: ThresholdDecision) -> str:
        over = f" over {row.snapshot.over.name}" if row.snapshot.over else " over everybody"
        return f"{row.snapshot.measure}{over}"

    @display(description="value")
    def shown_value(self, row: ThresholdDecision) -> str:
        return value_of(row)

    @display(description="people")
    def shown_people(self, row: ThresholdDecision) -> str:
        return f"{row.snapshot.people:,}"

    @display(description="moved")
    def shown_moved(self, row: ThresholdDecision) -> str:
        return "–" if row.moved is None else f"{100 * row.moved:.1f} %"

    @display(description="outcome")
    def shown_outcome(self, row: ThresholdDecision) -> SafeString:
        chip = _CHIPS.get(Outcome(row.outcome), "good")
        return format_html('<span class="cdp-chip cdp-chip-{}">{}</span>', chip, row.get_outcome_display())

    @display(description="taken (UTC)")
    def on(self, row: ThresholdDecision) -> str:
        return exact(row.snapshot.taken_at)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What a snapshot says, and the decision on it where it waits for one."""
        row = self._find(request, object_id)
        waiting = next((one for one in deciding.reviews(row.version_id) if one.decision.pk == row.pk), None)
        may_decide = waiting is not None and has_role(request.user, Role.APPROVER)
        form = DecisionForm(request.POST or None)
        if request.method == "POST":
            if not may_decide:
                raise PermissionDenied
            if form.is_valid() and self._decide(request, row, form):
                return HttpResponseRedirect(reverse("admin:segments_thresholddecision_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": f"Threshold of {row.version.head.name}",
            "row": row,
            "snapshot": row.snapshot,
            "value": value_of(row),
            "before": amount(waiting.before.value) if waiting and waiting.before.value is not None else "",
            "moved": self.shown_moved(row),
            "form": form,
            "may_decide": may_decide,
            "is_author": person_of(request).pk in row.author_ids,
            "list_address": reverse("admin:segments_thresholddecision_changelist"),
        }
        return TemplateResponse(request, "segments/thresholds/snapshot.html", context)

    def _decide(self, request: HttpRequest, row: ThresholdDecision, form: DecisionForm) -> bool:
        verb = deciding.accept if "accept" in request.POST else deciding.refuse
        try:
            verb(decision=row, comment=form.cleaned_data["comment"], by=person_of(request), now=timezone.now())
        except GovernanceError as refused:
            form.add_error(None, refused.message)
            return False
        messages.success(request, "Decided. The people between the two values are looked at again.")
        return True

    def _find(self, request: HttpRequest, object_id: str) -> ThresholdDecision:
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.get_queryset(request).select_related("version__head", "snapshot__over", "snapshot__over_version")
        found: ThresholdDecision | None = rows.filter(pk=int(object_id)).first() if object_id.isdecimal() else None
        if found is None:
            raise Http404
        return found


def value_of(row: ThresholdDecision) -> str:
    """The snapshot as a formula says it: `p80 = 412.00`."""
    threshold = Threshold(Statistic(row.snapshot.statistic), row.snapshot.amount)
    told = "too few people" if row.snapshot.value is None else amount(row.snapshot.value)
    return f"{short(threshold)} = {told}"
