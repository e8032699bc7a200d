from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from cdp import access
from cdp.access import Actor
from cdp.governance.admin import GovernedAdmin, Section
from cdp.governance.errors import GovernanceError
from cdp.governance.forms import CommentForm
from cdp.governance.models import State
from cdp.ids import to_public
from cdp.role_admin import LargeTableAdmin, person_of
from cdp.templatetags.cdp_text import exact
from segments import publishing, queries, reviewing
from segments.builder.views import patterns as builder_patterns
from segments.content import told
from segments.delivery.admin import DeliveryAdmin, DeliveryAttemptAdmin, DestinationAdmin
from segments.evidence import is_stale
from segments.forms import RuleForm
from segments.funnels.admin import FunnelAdmin
from segments.history_pages import HistoryPages
from segments.lists.admin import UploadedListAdmin
from segments.models import Membership, RuleEpoch, Segment
from segments.queries import Status
from segments.tag_admin import TaggingAdmin
from segments.thresholds.admin import ThresholdDecisionAdmin

__all__ = [
    "DeliveryAdmin",
    "DeliveryAttemptAdmin",
    "DestinationAdmin",
    "FunnelAdmin",
    "MembershipAdmin",
    "SegmentAdmin",
    "TaggingAdmin",
    "ThresholdDecisionAdmin",
    "UploadedListAdmin",
]

_CHIPS = {Status.READY: "good", Status.BACKFILLING: "warning", Status.CANCELLED: "warning", Status.BROKEN: "bad"}


@admin.register(Segment)
class SegmentAdmin(HistoryPages, GovernedAdmin):
    """Segments with their size and how far they have come."""

    content_form = RuleForm
    content_template = "segments/rule.html"
    list_display: Any = ("name", "key", "shown_status", "shown_size", "shown_live", "shown_waiting", "owner")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Segment]:
        # Counted up to a bound: a list of large segments must not read all of their members.
        counted = RawSQL(
            "(SELECT count(*) FROM (SELECT FROM membership"
            " WHERE segment_id = segment.id AND left_at IS NULL LIMIT %s) AS first)",
            [queries.COUNTED_UP_TO + 1],
        )
        latest = RuleEpoch.objects.filter(segment=OuterRef("pk")).order_by("-epoch")
        heads: QuerySet[Segment] = super().get_queryset(request)
        return heads.annotate(
            size=counted,
            epoch_status=Subquery(latest.values("status")[:1]),
            epoch_version=Subquery(latest.values("version")[:1]),
        )

    def get_urls(self) -> list[URLPattern]:
        return [*builder_patterns(), *self.history_urls(), *super().get_urls()]

    def _versions_context(self, request: HttpRequest, head: Any) -> dict[str, Any]:
        return {**super()._versions_context(request, head), **self.history_context(request, head)}

    def first_content(self) -> Any:
        return {"rule": {}}  # the builder asks what it shall be about

    @display(description="state")
    def shown_status(self, segment: Any) -> SafeString:
        status = queries.status_of(epoch_status=segment.epoch_status, version_id=segment.epoch_version)
        return format_html('<span class="cdp-chip cdp-chip-{}">{}</span>', _CHIPS.get(status, "accent"), status)

    @display(description="people", ordering="size")
    def shown_size(self, segment: Any) -> SafeString:
        address = reverse("admin:segments_membership_changelist")
        exact = segment.size <= queries.COUNTED_UP_TO
        told = segment.size if exact else f"more than {queries.COUNTED_UP_TO:,}"
        return format_html('<a class="cdp-link" href="{}?segment__id__exact={}">{}</a>', address, segment.pk, told)

    def told(self, version: Any) -> str | None:
        return told(version.content)

    def counted(self, version: Any) -> SafeString | None:
        return reviewing.counted(version.evidence, now=timezone.now())

    def sections(self, version: Any) -> Sequence[Section]:
        now, found = timezone.now(), []
        if trial := reviewing.draw_shadow(version, now=now):
            found.append(Section("In the shadow", trial))
        if version.state == State.DRAFT:
            found.append(Section("What it would do now", reviewing.draw_evidence(self._counts_now(version, now))))
        elif version.state == State.REVIEW and is_stale(version.evidence, now=now):
            fresh = self._counts_now(version, now)
            found.append(Section("What it would do now", reviewing.draw_moved(version.evidence, fresh)))
        return found

    def _counts_now(self, version: Any, now: datetime) -> Mapping[str, Any]:
        seen = publishing.preview_content(content=version.content, segment_id=version.head_id, now=now)
        # Counts without people: what names somebody on this page is frozen, and recorded as read.
        return {name: value for name, value in seen.items() if not name.endswith("sample")}

    def evidence(self, version: Any) -> SafeString | None:
        return reviewing.draw_evidence(version.evidence) if "entering" in version.evidence else None

    @transaction.atomic
    def _version_page(
        self, request: HttpRequest, version: Any, *, form: CommentForm | None, problem: GovernanceError | None
    ) -> HttpResponse:
        """Show a version, with a record of the people whom its samples name, in the transaction of the read."""
        page = super()._version_page(request, version, form=form, problem=problem)
        if shown := reviewing.people_shown(version):
            access.record(
                actor=Actor.person(person_of(request)),
                action="segment.evidence",
                profile_ids=shown,
                purpose="administration",
                fields=["segments"],
                now=timezone.now(),
            )
        return page


@admin.register(Membership)
class MembershipAdmin(LargeTableAdmin):
    """Who is in which segment, and since when."""

    list_display = ("person", "segment", "under", "entered", "cause", "left", "left_cause")
    list_filter = ("segment",)
    list_select_related = ("segment", "standing_version")
    list_display_links = None
    empty_title = "Nobody is in a segment"
    empty_text = "Stays appear when a rule goes live: each with its version, its cause and the evidence of that moment."

    @transaction.atomic
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """List the stays, with a record of whose were shown, in the transaction of the read."""
        response: HttpResponse = super().changelist_view(request, extra_context)
        changes = (getattr(response, "context_data", None) or {}).get("cl")
        if changes and changes.result_list:
            access.record(
                actor=Actor.person(person_of(request)),
                action="segment.members",
                profile_ids=sorted({row.profile_id for row in changes.result_list}),
                purpose="administration",
                fields=["segments"],
                now=timezone.now(),
            )
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise Http404("A stay has no page of its own: what its rule saw is on the person's page.")

    @display(description="person")
    def person(self, membership: Membership) -> SafeString:
        address = reverse("admin:profiles_profile_change", args=[membership.profile_id])
        return format_html('<a class="cdp-link cdp-mono" href="{}">{}</a>', address, to_public(membership.profile_id))

    @display(description="version")
    def under(self, membership: Membership) -> str:
        return str(membership.standing_version)

    @display(description="entered (UTC)")
    def entered(self, membership: Membership) -> str:
        return exact(membership.entered_at)

    @display(description="left (UTC)")
    def left(self, membership: Membership) -> str:
        return exact(membership.left_at)
