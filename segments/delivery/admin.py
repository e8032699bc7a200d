"""A destination's pages: its versions, how it does, its secrets, and its switch."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from cdp.admin.pages import told_once
from cdp.governance.admin import NOTHING, GovernedAdmin, Section
from cdp.governance.errors import ContentInvalid
from cdp.role_admin import person_of
from cdp.roles import Role, has_role
from cdp.templatetags.cdp_text import exact
from segments.delivery import content, issuing, queries, replaying, switching
from segments.delivery.console import DeliveryAdmin, DeliveryAttemptAdmin
from segments.delivery.forms import DestinationForm
from segments.delivery.refusals import DeliveryRefused
from segments.delivery.rights import REPLAYERS, SECRET_HOLDERS, STARTERS, STOPPERS
from segments.models import DeliveryLane, Destination, DestinationSecret, DestinationSwitch

__all__ = ["DeliveryAdmin", "DeliveryAttemptAdmin", "DestinationAdmin"]

_SWITCHES_SHOWN = 20


@admin.register(Destination)
class DestinationAdmin(GovernedAdmin):
    """Where changes of segments are told to, how it does, and what it is signed with."""

    content_form = DestinationForm
    list_display: Any = ("name", "key", "shown_state", "shown_live", "shown_waiting", "owner")
    change_form_outer_before_template = "segments/delivery/head.html"
    empty_title = "Nothing is told to the outside"
    empty_text = "A destination is an address that is told who entered and left a segment, as far as consent goes."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Destination]:
        lanes = DeliveryLane.objects.filter(pk=OuterRef("pk"))
        heads: QuerySet[Destination] = super().get_queryset(request)
        return heads.annotate(
            off_since=Subquery(lanes.values("off_since")[:1]), failures=Subquery(lanes.values("failures")[:1])
        )

    @display(description="state")
    def shown_state(self, destination: Any) -> SafeString:
        if destination.live_version is None:
            return NOTHING
        if destination.off_since is not None:
            return format_html('<span class="cdp-chip cdp-chip-bad">{}</span>', "switched off")
        if destination.failures:
            return format_html('<span class="cdp-chip cdp-chip-warning">{}</span>', "failing")
        return format_html('<span class="cdp-chip cdp-chip-good">{}</span>', "well")

    # -- versions --------------------------------------------------------------------------------------------------

    def _content_form(self, content: Any, seen_hash: str = "") -> forms.Form:
        return DestinationForm(initial={"content": content, "seen_hash": seen_hash})

    def content_of(self, form: forms.Form) -> Any:
        return form.content() if isinstance(form, DestinationForm) else super().content_of(form)

    def sections(self, version: Any) -> Sequence[Section]:
        return (Section("In words", _in_words(version.content)),)

    def evidence(self, version: Any) -> SafeString | None:
        return _sizes(version.evidence) if "segments" in version.evidence else None

    # -- the destination's own page --------------------------------------------------------------------------------

    def _versions_context(self, request: HttpRequest, head: Any) -> dict[str, Any]:
        now = timezone.now()
        return {
            **super()._versions_context(request, head),
            "standing": queries.standing(head, now=now),
            "ended": queries.ended(head, today=now.date()),
            "switches": list(
                DestinationSwitch.objects.filter(destination=head)
                .select_related("by")
                .order_by("-id")[:_SWITCHES_SHOWN]
            ),
            "secrets": _secrets(head) if has_role(request.user, *SECRET_HOLDERS) else None,
            "may_stop": has_role(request.user, *STOPPERS),
            "may_start": has_role(request.user, *STARTERS),
            "may_replay": has_role(request.user, *REPLAYERS),
            "attempts_address": f"{reverse('admin:segments_deliveryattempt_changelist')}?destination={head.pk}",
            "dead_address": f"{reverse('admin:segments_delivery_changelist')}?destination={head.pk}&state=dead",
        }

    def get_urls(self) -> list[URLPattern]:
        pages: list[tuple[str, str, Callable[..., HttpResponse]]] = [
            ("<int:head_id>/secrets/issue/", "issue_secret", self.issue_view),
            ("<int:head_id>/secrets/<int:secret_id>/revoke/", "revoke_secret", self.revoke_view),
            ("<int:head_id>/off/", "off", self.off_view),
            ("<int:head_id>/on/", "on", self.on_view),
            ("<int:head_id>/replay/", "replay", self.replay_view),
        ]
        own = [
            path(route, self.admin_site.admin_view(require_POST(view)), name=self._name(name))
            for route, name, view in pages
        ]
        return [*own, *super().get_urls()]

    def issue_view(self, request: HttpRequest, head_id: int) -> HttpResponse:
        """Issue a signing secret; it is in the answer and nowhere else."""
        head = self._as(request, head_id, SECRET_HOLDERS)
        try:
            _, told = issuing.issue(destination=head, by=person_of(request), now=timezone.now())
        except DeliveryRefused as refused:
            messages.error(request, refused.message)
            return self._back(head_id)
        return told_once(self, request, title=f"Signing secret of {head.name}", token=told)

    def revoke_view(self, request: HttpRequest, head_id: int, secret_id: int) -> HttpResponse:
        head = self._as(request, head_id, SECRET_HOLDERS)
        secret = DestinationSecret.objects.filter(pk=secret_id, destination=head).first()
        if secret is None:
            raise Http404
        return self._done(
            request,
            head_id,
            lambda: issuing.revoke(secret=secret, by=person_of(request), now=timezone.now()),
            "The secret is revoked: nothing is signed with it any more.",
        )

    def off_view(self, request: HttpRequest, head_id: int) -> HttpResponse:
        head, reason = self._as(request, head_id, STOPPERS), request.POST.get("reason", "")
        return self._done(
            request,
            head_id,
            lambda: switching.switch_off(destination=head, by=person_of(request), reason=reason, now=timezone.now()),
            f"{head} is switched off: nothing leaves for it.",
        )

    def on_view(self, request: HttpRequest, head_id: int) -> HttpResponse:
        head, reason = self._as(request, head_id, STARTERS), request.POST.get("reason", "")
        return self._done(
            request,
            head_id,
            lambda: switching.switch_on(destination=head, by=person_of(request), reason=reason, now=timezone.now()),
            f"{head} is switched on: it is told what changes from now on.",
        )

    def replay_view(self, request: HttpRequest, head_id: int) -> HttpResponse:
        head = self._as(request, head_id, REPLAYERS)
        return self._done(
            request,
            head_id,
            lambda: replaying.replay_dead(destination=head, by=person_of(request), now=timezone.now()),
            "What was given up and is still true goes out again.",
        )

    def _done(self, request: HttpRequest, head_id: int, verb: Callable[[], object], told: str) -> HttpResponse:
        try:
            verb()
            messages.success(request, told)
        except DeliveryRefused as refused:
            messages.error(request, refused.message)
        return self._back(head_id)

    def _as(self, request: HttpRequest, head_id: int, roles: tuple[Role, ...]) -> Destination:
        if not has_role(request.user, *roles):
            raise PermissionDenied
        head: Destination = self._head(request, head_id)
        return head

    def _back(self, head_id: int) -> HttpResponse:
        return HttpResponseRedirect(self._address("change", head_id))


def _secrets(destination: Destination) -> list[DestinationSecret]:
    found = DestinationSecret.objects.filter(destination=destination).select_related("created_by", "revoked_by")
    return list(found.order_by("revoked_at", "-id")[:20])


def _in_words(said: Any) -> SafeString:
    try:
        terms = content.read(said)
    except ContentInvalid as error:
        return format_html("<p>{}</p>", error.message)
    return format_html(
        "<p>Tells {} when somebody {}, for the purpose “{}”, at most {} messages a second: {}.</p>",
        terms.url,
        " or ".join(_WORDS[kind] for kind in content.What if kind in terms.what),
        terms.purpose,
        terms.rate,
        ", ".join(terms.segments),
    )


_WORDS = {
    content.What.ENTERED: "entered",
    content.What.LEFT: "left",
    content.What.TAGS: "was given a tag or lost it",
}


def _sizes(evidence: Any) -> SafeString:
    rows = format_html_join(
        "",
        '<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>',
        ((row["segment"], row["members"], row["allowed"]) for row in evidence["segments"]),
    )
    return format_html(
        '<div class="cdp-scroll"><table class="cdp-table"><thead><tr><th scope="col">Segment</th>'
        '<th scope="col">Members</th><th scope="col">The purpose “{}” allows</th></tr></thead><tbody>{}</tbody></table>'
        '</div><p class="cdp-subtle">counted {}</p>',
        evidence["purpose"],
        rows,
        exact(datetime.fromisoformat(evidence["as_of"])),
    )
