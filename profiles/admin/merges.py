from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from cdp.ids import to_public
from cdp.role_admin import LargeTableAdmin, person_of, record_act
from cdp.roles import has_role
from cdp.templatetags.cdp_text import exact
from profiles.identity import unmerging
from profiles.identity.unmerging import DECIDERS, UnmergeError
from profiles.models import Merge, Profile
from profiles.subject_sections import REASONS


@admin.register(Merge)
class MergeAdmin(LargeTableAdmin):
    """When two profiles became one, and on which event's word; a merge can be undone, and that taken back."""

    list_display = ("merged", "kept", "because", "decided", "when", "state")
    list_display_links = ("merged",)
    list_select_related = ("undone__separation",)
    sortable_by = ()
    empty_title = "No two profiles have become one"
    empty_text = (
        "When an event shows that two profiles are one person, the older id is kept and the reason is listed here."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Merge]:
        rows: QuerySet[Merge] = super().get_queryset(request)
        return rows.order_by("-id")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:id>/undo/", view(require_POST(self.undo_view)), name="profiles_merge_undo"),
            path("<int:id>/rejoin/", view(require_POST(self.rejoin_view)), name="profiles_merge_rejoin"),
            *super().get_urls(),
        ]

    @transaction.atomic
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, extra_context)
        changes = (getattr(response, "context_data", None) or {}).get("cl")
        if changes:
            people = {person for row in changes.result_list for person in (row.winner_id, row.loser_id)}
            record_act(request, "merge.list", profile_ids=sorted(people), fields=("identifiers",))
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one merge, what became of it, and to whom may decide the buttons that undo it or take that back."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        merge = self.get_queryset(request).filter(pk=object_id).first() if object_id.isdecimal() else None
        if merge is None:
            raise Http404("There is no such merge.")
        with transaction.atomic():
            context = self._page(request, merge)
            record_act(request, "merge.read", profile_ids=(merge.winner_id, merge.loser_id), fields=("identifiers",))
        return TemplateResponse(request, "profiles/merges/page.html", context)

    def _page(self, request: HttpRequest, merge: Merge) -> dict[str, Any]:
        undone = getattr(merge, "undone", None)
        is_apart = Profile.objects.filter(pk=merge.loser_id, merged_into__isnull=True).exists()
        may_decide = has_role(request.user, *DECIDERS)
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Merge",
            "merge": merge,
            "because": REASONS.get(merge.reason, merge.reason.replace("_", " ")),
            "undone": undone,
            "separation": getattr(undone, "separation", None),
            "is_apart": is_apart,
            "may_undo": may_decide and undone is None and not is_apart,
            "may_rejoin": may_decide and undone is not None and undone.separation.lifted_at is None,
            "list_address": reverse("admin:profiles_merge_changelist"),
        }

    def undo_view(self, request: HttpRequest, id: int) -> HttpResponse:
        """Undo the merge, with the comment of the form."""
        try:
            comment = request.POST.get("comment", "")
            unmerging.unmerge(merge_id=id, by=person_of(request), comment=comment, now=timezone.now())
            messages.success(request, "The merge is undone: both are people again, and they stay two.")
        except UnmergeError as error:
            messages.error(request, error.message)
        return HttpResponseRedirect(reverse("admin:profiles_merge_change", args=[id]))

    def rejoin_view(self, request: HttpRequest, id: int) -> HttpResponse:
        """Lift the separation that undoing left, with the comment of the form."""
        try:
            comment = request.POST.get("comment", "")
            unmerging.rejoin(merge_id=id, by=person_of(request), comment=comment, now=timezone.now())
            messages.success(request, "Taken back: what events say about the two counts again.")
        except UnmergeError as error:
            messages.error(request, error.message)
        return HttpResponseRedirect(reverse("admin:profiles_merge_change", args=[id]))

    @display(description="merged")
    def merged(self, merge: Merge) -> SafeString:
        return format_html('<span class="cdp-mono">{}</span>', to_public(merge.loser_id))

    @display(description="into")
    def kept(self, merge: Merge) -> SafeString:
        address = reverse("admin:profiles_profile_change", args=[merge.winner_id])
        return format_html('<a class="cdp-link cdp-mono" href="{}">{}</a>', address, to_public(merge.winner_id))

    @display(description="because")
    def because(self, merge: Merge) -> str:
        return REASONS.get(merge.reason, merge.reason)

    @display(description="decided by")
    def decided(self, merge: Merge) -> str:
        return merge.decided_by or "the identity rules"

    @display(description="when (UTC)")
    def when(self, merge: Merge) -> str | SafeString:
        return exact(merge.at)

    @display(description="since then")
    def state(self, merge: Merge) -> str | SafeString:
        undone = getattr(merge, "undone", None)
        if undone is None:
            return "–"
        if undone.separation.lifted_at is not None:
            return "undone, and that taken back"
        return format_html('<span class="cdp-chip cdp-chip-warning">undone</span> by {}', undone.decided_by)
