"""Every message and every attempt, as lists that stay quick however many there are."""

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
from consent.ledger import public_id
from segments.delivery import replaying
from segments.delivery.messages import TYPES, spelled_id
from segments.delivery.refusals import DeliveryRefused
from segments.delivery.rights import REPLAYERS
from segments.models import AttemptKind, Delivery, DeliveryAttempt, DeliveryState, Destination

_CHIPS = {
    DeliveryState.DELIVERED: "good",
    DeliveryState.PENDING: "accent",
    DeliveryState.SENDING: "accent",
    DeliveryState.WITHHELD: "warning",
    DeliveryState.DEAD: "bad",
}


class DestinationFilter(admin.SimpleListFilter):
    title = "destination"
    parameter_name = "destination"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in Destination.objects.order_by("name").values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(destination=self.value()) if str(self.value() or "").isdigit() else queryset


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return DeliveryState.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        return queryset.filter(state=self.value()) if self.value() in DeliveryState.values else queryset


class KindFilter(admin.SimpleListFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return AttemptKind.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[DeliveryAttempt]) -> QuerySet[DeliveryAttempt]:
        return queryset.filter(kind=self.value()) if self.value() in AttemptKind.values else queryset


class _Told(LargeTableAdmin):
    """Rows that are about people: whoever is shown them is recorded, in the transaction of the read."""

    action: str

    @transaction.atomic
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, extra_context)
        changes = (getattr(response, "context_data", None) or {}).get("cl")
        if changes and changes.result_list:
            people = sorted({row.profile_id for row in changes.result_list})
            record_act(request, self.action, profile_ids=people, fields=("segments",))
        return response


@admin.register(Delivery)
class DeliveryAdmin(_Told):
    """Messages for destinations: what each tells, how far it has come, and when it is tried next."""

    action = "delivery.list"
    list_display = ("message", "destination", "shown_type", "segment", "person", "shown_state", "attempts", "next_try")
    list_display_links = ("message",)
    list_filter = (DestinationFilter, StateFilter)
    list_select_related = ("destination", "segment")
    empty_title = "No message yet"
    empty_text = "A message appears here when somebody enters or leaves a segment that a live destination is told of."

    def get_urls(self) -> list[URLPattern]:
        replay = self.admin_site.admin_view(require_POST(self.replay_view))
        return [path("<int:delivery_id>/replay/", replay, name="segments_delivery_replay"), *super().get_urls()]

    @transaction.atomic
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one message with its attempts: on what ground each left, what came back, and when the next is due."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = Delivery.objects.select_related("destination", "segment", "version")
        delivery = rows.filter(pk=object_id).first() if object_id.isdecimal() and len(object_id) < 19 else None
        if delivery is None:
            raise Http404("There is no such message.")
        attempts = DeliveryAttempt.objects.filter(delivery=delivery).select_related("result", "destination_version")
        record_act(request, "delivery.read", profile_ids=(delivery.profile_id,), fields=("segments", "consent"))
        may = has_role(request.user, *REPLAYERS) and delivery.state in replaying.REPLAYABLE
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": spelled_id(delivery.message_id),
            "delivery": delivery,
            "type": TYPES[delivery.told],
            "chip": _CHIPS.get(DeliveryState(delivery.state), ""),
            "attempts": [(attempt, _result(attempt), _entry(attempt)) for attempt in attempts.order_by("number")],
            "may_replay": may,
            "list_address": reverse("admin:segments_delivery_changelist"),
        }
        return TemplateResponse(request, "segments/delivery/message.html", context)

    def replay_view(self, request: HttpRequest, delivery_id: int) -> HttpResponse:
        """Have the message sent again, with consent asked anew."""
        if not has_role(request.user, *REPLAYERS):
            raise PermissionDenied
        delivery = Delivery.objects.filter(pk=delivery_id).first()
        if delivery is None:
            raise Http404
        try:
            replaying.replay(delivery=delivery, by=person_of(request), now=timezone.now())
            messages.success(request, "It goes out again under its own id. Consent is asked once more.")
        except DeliveryRefused as refused:
            messages.error(request, refused.message)
        return HttpResponseRedirect(reverse("admin:segments_delivery_change", args=[delivery_id]))

    @display(description="message")
    def message(self, delivery: Delivery) -> SafeString:
        return format_html('<span class="cdp-mono">{}…</span>', spelled_id(delivery.message_id)[:16])

    @display(description="type")
    def shown_type(self, delivery: Delivery) -> str:
        return delivery.get_told_display()

    @display(description="person")
    def person(self, delivery: Delivery) -> SafeString:
        return _person(delivery.profile_id)

    @display(description="state")
    def shown_state(self, delivery: Delivery) -> SafeString:
        chip = _CHIPS.get(DeliveryState(delivery.state), "")
        style = f"cdp-chip cdp-chip-{chip}" if chip else "cdp-chip"
        return format_html('<span class="{}">{}</span>', style, delivery.get_state_display())

    @display(description="next try (UTC)")
    def next_try(self, delivery: Delivery) -> str | SafeString:
        return exact(delivery.due_at) if delivery.state == DeliveryState.PENDING else "–"


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(_Told):
    """Every time a message was about to leave: what the receiver answered, or why it was withheld."""

    action = "delivery.attempts"
    list_display = ("shown_at", "destination", "person", "segment", "number", "outcome", "status", "why", "took",
                    "next_try", "ground")  # fmt: skip
    list_display_links = ("shown_at",)
    list_filter = (DestinationFilter, KindFilter)
    list_select_related = ("destination", "delivery__segment", "result")
    empty_title = "No attempt yet"
    empty_text = "Each sending is kept here with its answer and the consent entry it relied on."

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        attempt = DeliveryAttempt.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        if attempt is None or not self.has_view_permission(request):
            raise Http404
        return HttpResponseRedirect(reverse("admin:segments_delivery_change", args=[attempt.delivery_id]))

    @display(description="at (UTC)")
    def shown_at(self, attempt: DeliveryAttempt) -> str | SafeString:
        return exact(attempt.at)

    @display(description="person")
    def person(self, attempt: DeliveryAttempt) -> SafeString:
        return _person(attempt.profile_id)

    @display(description="segment")
    def segment(self, attempt: DeliveryAttempt) -> str:
        return f"{attempt.delivery.get_told_display()} {attempt.delivery.segment}"

    @display(description="outcome")
    def outcome(self, attempt: DeliveryAttempt) -> SafeString:
        result = _result(attempt)
        if attempt.kind == AttemptKind.WITHHELD:
            return format_html('<span class="cdp-chip cdp-chip-warning">{}</span>', "withheld")
        if result is None:
            return format_html('<span class="cdp-chip cdp-chip-accent">{}</span>', "under way")
        chip = "good" if result.outcome == "delivered" else "bad"
        return format_html('<span class="cdp-chip cdp-chip-{}">{}</span>', chip, result.outcome)

    @display(description="code", empty_value="–")
    def status(self, attempt: DeliveryAttempt) -> int | None:
        result = _result(attempt)
        return result.status if result else None

    @display(description="reason")
    def why(self, attempt: DeliveryAttempt) -> str:
        result = _result(attempt)
        code = attempt.code if attempt.kind == AttemptKind.WITHHELD else result.reason if result else ""
        return code.replace("_", " ")

    @display(description="took")
    def took(self, attempt: DeliveryAttempt) -> str:
        result = _result(attempt)
        return f"{result.milliseconds} ms" if result and result.milliseconds is not None else "–"

    @display(description="next try (UTC)")
    def next_try(self, attempt: DeliveryAttempt) -> str | SafeString:
        result = _result(attempt)
        return exact(result.next_try_at) if result and result.next_try_at else "–"

    @display(description="relied on")
    def ground(self, attempt: DeliveryAttempt) -> str | SafeString:
        return _entry(attempt) or attempt.basis.replace("_", " ")


def _result(attempt: DeliveryAttempt) -> Any:
    return getattr(attempt, "result", None)


def _entry(attempt: DeliveryAttempt) -> SafeString | None:
    """A link to the entry of the consent log that decided."""
    if attempt.consent_entry_id is None:
        return None
    address = reverse("admin:consent_entry_change", args=[attempt.consent_entry_id])
    return format_html('<a class="cdp-link cdp-mono" href="{}">{}</a>', address, public_id(attempt.consent_entry_id))


def _person(profile_id: int) -> SafeString:
    address = reverse("admin:profiles_profile_change", args=[profile_id])
    return format_html('<a class="cdp-link cdp-mono" href="{}">{}</a>', address, to_public(profile_id))
