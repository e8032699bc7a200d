from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from cdp.ids import to_public
from cdp.role_admin import LargeTableAdmin, record_act
from cdp.templatetags.cdp_text import exact
from profiles import person
from segments.models import Tagging


@admin.register(Tagging)
class TaggingAdmin(LargeTableAdmin):
    """Who carries which tag, put there by which version of which rule, and since when."""

    list_display = ("shown_tag", "who", "put_by", "given", "withdrawn")
    list_select_related = ("segment", "version")
    list_display_links = None
    search_fields = ("id",)  # only to draw the box: get_search_results asks indexes
    search_help_text = "A tag as it is written, or a person: user id, e-mail, anonymous id or profile id, in full"
    empty_title = "Nobody carries a tag"
    empty_text = 'A segment whose content has a "tag" puts it on its members, and takes it away when they leave.'

    @transaction.atomic
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """List the tags, with a record of whose were shown, in the transaction of the read."""
        response: HttpResponse = super().changelist_view(request, extra_context)
        changes = (getattr(response, "context_data", None) or {}).get("cl")
        people = sorted({row.profile_id for row in changes.result_list}) if changes else []
        if people:
            record_act(request, "segment.tags", profile_ids=people, fields=("tags",))
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise Http404("A tag has no page of its own: it is on the person's page.")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Tagging], search_term: str
    ) -> tuple[QuerySet[Tagging], bool]:
        """A tag's whole name, else whoever goes by that name: an index answers either."""
        term = search_term.strip()
        if not term:
            return queryset, False
        tagged = queryset.filter(tag=term)
        if tagged.exists():
            return tagged, False
        return queryset.filter(profile_id__in=person.find(text=term)), False

    @display(description="tag")
    def shown_tag(self, tagging: Tagging) -> SafeString:
        return format_html('<span class="cdp-chip cdp-chip-accent">{}</span>', tagging.tag)

    @display(description="person")
    def who(self, tagging: Tagging) -> SafeString:
        address = reverse("admin:profiles_profile_change", args=[tagging.profile_id])
        return format_html('<a class="cdp-link cdp-mono" href="{}">{}</a>', address, to_public(tagging.profile_id))

    @display(description="put there by")
    def put_by(self, tagging: Tagging) -> str:
        return f"{tagging.segment.name}, version {tagging.version.number}"

    @display(description="since (UTC)")
    def given(self, tagging: Tagging) -> str:
        return exact(tagging.given_at)

    @display(description="taken away (UTC)")
    def withdrawn(self, tagging: Tagging) -> str:
        return exact(tagging.withdrawn_at)
