from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from cdp import api_keys
from cdp.admin.pages import told_once
from cdp.api_keys import KeyRefused
from cdp.governance.admin import NOTHING, GovernedAdmin, Section
from cdp.models import ApiKey, KeyKind, Scope
from cdp.role_admin import person_of
from cdp.roles import Role, has_role
from profiles.admin.evidence import drawn
from profiles.admin.source_form import SourceForm
from profiles.ingest.accounting import totals
from profiles.models import Source, SourceKind
from profiles.plans import enforcement
from profiles.plans.enforcement import TermsInvalid

_HOUR = timedelta(hours=1)
_KEYS_SHOWN = 50


@admin.register(Source)
class SourceAdmin(GovernedAdmin):
    """Where events come from, whose word counts more, under which plan, and the keys they are sent with."""

    content_form = SourceForm
    list_display: Any = (
        "name", "key", "shown_kind", "priority", "shown_plan", "shown_live", "shown_waiting", "owner",
    )  # fmt: skip
    change_form_outer_before_template = "profiles/sources/head.html"
    empty_title = "No source has sent anything yet"
    empty_text = (
        "A source appears by itself with the first event sent under its key. Issue a key under Platform, API keys, "
        "and point an SDK at this server."
    )

    @display(description="kind", label={"server": "info", "browser": "warning", "import": "success"})
    def shown_kind(self, source: Source) -> str:
        return source.kind

    @display(description="tracking plan")
    def shown_plan(self, source: Source) -> SafeString | str:
        content = source.live_version.content if source.live_version else {}
        if content.get("enabled") is False:
            return format_html('<span class="cdp-chip cdp-chip-bad">{}</span>', "disabled")
        return content.get("tracking_plan") or NOTHING

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        # Once a version is live, the name is what it says.
        return (*fields, "name") if obj is not None and obj.live_version_id else fields

    # -- versions ------------------------------------------------------------------------------------------------------

    def _content_form(self, content: Any, seen_hash: str = "") -> forms.Form:
        return SourceForm(initial={"content": content, "seen_hash": seen_hash})

    def draft_view(self, request: HttpRequest, head_id: int) -> HttpResponse:
        # A source that made itself has a name and a kind already: its first version's form begins with them.
        self._first = self._head(request, head_id)
        answer: HttpResponse = super().draft_view(request, head_id)
        return answer

    def first_content(self) -> Any:
        return {"name": self._first.name, "kind": self._first.kind, "priority": self._first.priority}

    def content_of(self, form: forms.Form) -> Any:
        return form.content() if isinstance(form, SourceForm) else super().content_of(form)

    def sections(self, version: Any) -> Sequence[Section]:
        return (Section("In words", _in_words(version.content)),)

    def evidence(self, version: Any) -> SafeString | None:
        return drawn(version.evidence)

    # -- the source's own page -----------------------------------------------------------------------------------------

    def _versions_context(self, request: HttpRequest, head: Any) -> dict[str, Any]:
        may_issue = has_role(request.user, Role.ADMINISTRATOR)
        return {
            **super()._versions_context(request, head),
            "source": head,
            "sums": totals(since=timezone.now() - _HOUR, source=head.key),
            "keys": _write_keys(head) if may_issue else None,
            "may_issue": may_issue,
            "violations_address": f"{reverse('admin:profiles_violationcount_changelist')}?source={head.pk}",
            "rejected_address": f"{reverse('admin:profiles_rejectedevent_changelist')}?source={head.pk}",
        }

    def get_urls(self) -> list[URLPattern]:
        pages: list[tuple[str, str, Callable[..., HttpResponse]]] = [
            ("<int:head_id>/keys/issue/", "issue_key", self.issue_view),
            ("<int:head_id>/keys/<int:key_id>/revoke/", "revoke_key", self.revoke_view),
        ]
        own = [
            path(route, self.admin_site.admin_view(require_POST(view)), name=self._name(name))
            for route, name, view in pages
        ]
        return [*own, *super().get_urls()]

    def issue_view(self, request: HttpRequest, head_id: int) -> HttpResponse:
        """Issue a write key: public where the source is a browser, whose visitors all see it."""
        head = self._keyholder(request, head_id)
        kind = KeyKind.PUBLIC if head.kind == SourceKind.BROWSER else KeyKind.SECRET
        try:
            key, token = api_keys.issue(
                kind=kind,
                name=request.POST.get("name", "").strip()[:100],
                scopes=[Scope.INGEST_WRITE],
                source=head.key,
                by=person_of(request),
                now=timezone.now(),
            )
        except KeyRefused as refused:
            messages.error(request, refused.message)
            return self._back(head_id)
        return told_once(self, request, title=f"Write key of {head.name} for {key.name}", token=token)

    def revoke_view(self, request: HttpRequest, head_id: int, key_id: int) -> HttpResponse:
        head = self._keyholder(request, head_id)
        key = ApiKey.objects.filter(pk=key_id, source__iexact=head.key).first()
        if key is None:
            raise Http404
        api_keys.revoke(key=key, by=person_of(request), now=timezone.now())
        messages.success(request, f"{key} is revoked: every door refuses it within a second.")
        return self._back(head_id)

    def _keyholder(self, request: HttpRequest, head_id: int) -> Source:
        if not has_role(request.user, Role.ADMINISTRATOR):
            raise PermissionDenied
        head: Source = self._head(request, head_id)
        return head

    def _back(self, head_id: int) -> HttpResponse:
        return HttpResponseRedirect(self._address("change", head_id))


def _write_keys(source: Source) -> list[ApiKey]:
    keys = ApiKey.objects.filter(source__iexact=source.key, scopes__contains=[Scope.INGEST_WRITE])
    return list(keys.order_by("revoked_at", "-id")[:_KEYS_SHOWN])


_WORDS = {
    "unplanned_event": ("An event that the plan does not list is", {"allow": "stored and counted", "block": "blocked"}),
    "unplanned_property": (
        "A property that it does not list is", {"allow": "stored and counted", "omit": "left out"},
    ),
    "violation": (
        "A value that breaks a schema is",
        {"allow": "stored and counted", "omit": "left out", "block": "a reason to block its event"},
    ),
}  # fmt: skip


def _in_words(content: Any) -> SafeString:
    try:
        terms = enforcement.read(content)
    except TermsInvalid as error:
        return format_html("<p>{}</p>", str(error))
    if not terms.enabled:
        return format_html("<p>{} takes no events: each is refused, counted, and not kept.</p>", terms.name)
    if not terms.tracking_plan:
        return format_html("<p>{} follows no plan: every event is taken as it comes.</p>", terms.name)
    said = [f"{what} {words[str(getattr(terms.enforcement, name))]}." for name, (what, words) in _WORDS.items()]
    return format_html(
        "<p>{} ({}, priority {}) follows the plan “{}”. {}</p>",
        terms.name, terms.kind, terms.priority, terms.tracking_plan, " ".join(said),
    )  # fmt: skip
