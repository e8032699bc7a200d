from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from cdp.ids import from_public, to_public
from cdp.role_admin import LargeTableAdmin, record_act
from cdp.templatetags.cdp_text import ago
from profiles import person, subject, timeline
from profiles.models import Profile
from profiles.subject_sections import trait_history


@admin.register(Profile)
class ProfileAdmin(LargeTableAdmin):
    """People: found by any name they go by; each has a page with everything known and why."""

    list_display = ("called", "email", "public", "events", "last_seen", "first_seen")
    search_fields = ("id",)  # only to draw the box: get_search_results asks the identifiers' index
    search_help_text = "User id, e-mail, anonymous id or profile id, in full"
    newest_by = "seen"
    empty_title = "Nobody to show"
    empty_text = (
        "People appear with the first event that carries a user id, an e-mail address or an anonymous id. The search "
        "finds exact names only: the whole e-mail address, the whole user id, or a profile id that begins with p_."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Profile]:
        people: QuerySet[Profile] = super().get_queryset(request)
        seen = Coalesce("last_seen_at", "created_at")  # the index is over this very expression
        return people.filter(merged_into__isnull=True).annotate(seen=seen)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Profile], search_term: str
    ) -> tuple[QuerySet[Profile], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(id__in=person.find(text=search_term)), False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<str:object_id>/trait/", view(self.trait_view), name="profiles_profile_trait"),
            path("<str:object_id>/history/", view(self.no_history_view)),
            *super().get_urls(),
        ]

    @transaction.atomic
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, extra_context)
        changes = (getattr(response, "context_data", None) or {}).get("cl")
        if changes:
            people = [row.pk for row in changes.result_list]
            record_act(request, "profile.list", profile_ids=people, fields=("name", "email"))
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the person's page; the record of who read it is written in the transaction of the reads."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        with transaction.atomic():
            profile = _person(object_id)
            if profile.pk != _number(object_id):
                self.message_user(request, f"{_shown(object_id)} was merged: this is the person it became.")
                return HttpResponseRedirect(reverse("admin:profiles_profile_change", args=[profile.pk]))
            context = self._page(request, profile)
            shown = ("timeline", *(section.key for section in context["sections"]))
            record_act(request, "profile.read", profile_ids=[profile.pk], fields=shown)
        return TemplateResponse(request, "profiles/person/page.html", context)

    def _page(self, request: HttpRequest, profile: Profile) -> dict[str, Any]:
        before = timeline.parse_cursor(request.GET.get("before", ""))
        return {
            **self.admin_site.each_context(request),
            "title": "Person",
            "path": self._path(profile),
            "profile": profile,
            "headline": person.headline(profile),
            "sections": subject.sections(profile_id=profile.pk, now=timezone.now()),
            "timeline": timeline.page(profile_id=profile.pk, before=before),
            "before": before,
        }

    def _path(self, profile: Profile) -> tuple[dict[str, str], ...]:
        headline = person.headline(profile)
        called = headline.name or headline.email or to_public(profile.pk)
        return {"title": "People", "link": reverse("admin:profiles_profile_changelist")}, {"title": called}

    def trait_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Answer a trait's history, for the row that opens on the person's page."""
        if not self.has_view_permission(request):
            raise Http404
        name = request.GET.get("name", "")
        with transaction.atomic():
            profile = _person(object_id)
            stated = trait_history(profile_id=profile.pk, name=name)
            record_act(request, "profile.read", profile_ids=[profile.pk], fields=(f"traits.{name}",))
        return TemplateResponse(request, "profiles/person/trait_history.html", {"stated": stated, "name": name})

    def no_history_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        raise Http404("People have no edit history: a copy of every row would survive their erasure.")

    @display(description="person")
    def called(self, profile: Profile) -> str:
        headline = person.headline(profile)
        return headline.name or headline.email or "Not identified"

    @display(description="e-mail", empty_value="–")
    def email(self, profile: Profile) -> str:
        return person.headline(profile).email or "–"

    @display(description="profile id")
    def public(self, profile: Profile) -> SafeString:
        return format_html('<span class="cdp-mono">{}</span>', to_public(profile.pk))

    @display(description="events")
    def events(self, profile: Profile) -> str:
        return f"{profile.event_count:,}"

    @display(description="last seen")
    def last_seen(self, profile: Profile) -> str | SafeString:
        return ago(profile.last_seen_at)

    @display(description="first seen")
    def first_seen(self, profile: Profile) -> str | SafeString:
        return ago(profile.first_seen_at)


def _number(object_id: str) -> int | None:
    """Read a profile id from an address, where both spellings are understood."""
    if object_id.isdigit() and len(object_id) < 20:
        return int(object_id)
    return from_public(object_id)


def _shown(object_id: str) -> str:
    number = _number(object_id)
    return object_id if number is None else to_public(number)


def _person(object_id: str) -> Profile:
    number = _number(object_id)
    profile = None if number is None else person.current(profile_id=number)
    if profile is None:
        raise Http404("There is no person with this id.")
    return profile
