"""Keys of applications: issued, rotated and revoked by administrators."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import csrf_protect_m
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from cdp import api_keys
from cdp.admin.pages import form_page, told_once
from cdp.api_keys import KeyRefused
from cdp.models import ApiKey, KeyKind, Scope
from cdp.role_admin import RoleAdmin, person_of
from cdp.roles import Role
from cdp.templatetags.cdp_text import ago

# As reads of profiles spell them; the apps that answer those build on this one.
_PARTS = ("identifiers", "traits", "segments", "tags", "events", "consent")
_TRAIT = "traits."


class KeyForm(forms.Form):
    """What a new key may do."""

    name = forms.CharField(
        max_length=100,
        label="Application",
        help_text="Who will hold it. A name has two live keys at most, to change over without an outage.",
        widget=forms.TextInput(attrs={"class": "cdp-input"}),
    )
    kind = forms.ChoiceField(
        choices=KeyKind.choices, initial=KeyKind.SECRET, widget=forms.Select(attrs={"class": "cdp-input"})
    )
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        label="May",
        widget=forms.CheckboxSelectMultiple(attrs={"class": "cdp-checks"}),
        help_text="A public key may only send events and record consent.",
    )
    source = forms.SlugField(
        required=False,
        max_length=100,
        help_text="The source its events are recorded under. Needed for sending events.",
        widget=forms.TextInput(attrs={"class": "cdp-input"}),
    )
    purpose = forms.CharField(
        required=False,
        max_length=100,
        help_text="The one purpose it reads for.",
        widget=forms.TextInput(attrs={"class": "cdp-input"}),
    )
    fields_read = forms.CharField(
        required=False,
        label="Fields",
        help_text="What it may read, separated by commas: traits.country for one trait, or identifiers, traits, "
        "segments, events, consent for a whole part. Empty: everything that the purpose allows.",
        widget=forms.TextInput(attrs={"class": "cdp-input"}),
    )
    expires_on = forms.DateField(
        required=False,
        help_text="The last day on which it works.",
        widget=forms.DateInput(attrs={"type": "date", "class": "cdp-input"}),
    )

    def clean_fields_read(self) -> tuple[str, ...]:
        """A name that no read knows would keep everything back and tell nobody why."""
        names = tuple(stripped for name in self.cleaned_data["fields_read"].split(",") if (stripped := name.strip()))
        unknown = [name for name in names if name not in _PARTS and not _is_trait(name)]
        if unknown:
            raise forms.ValidationError(
                f"Write traits.country for the trait country, or one of {', '.join(_PARTS)}; not {', '.join(unknown)}."
            )
        return names

    def rights(self) -> dict[str, Any]:
        given = self.cleaned_data
        last_day = given["expires_on"]
        return {
            "kind": KeyKind(given["kind"]),
            "name": given["name"],
            "scopes": given["scopes"],
            "source": given["source"],
            "purpose": given["purpose"],
            "fields": given["fields_read"],
            "expires_at": _end_of(last_day) if last_day else None,
        }


def _is_trait(name: str) -> bool:
    return name.startswith(_TRAIT) and name != _TRAIT


def _end_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time()))  # made aware here


@admin.register(ApiKey)
class ApiKeyAdmin(RoleAdmin):
    """Keys of applications. A token is told once; what is kept cannot be turned back into it."""

    viewers = adders = (Role.ADMINISTRATOR,)
    actions = None
    list_display = ("name", "shown_hint", "kind", "shown_scopes", "source", "purpose", "shown_state", "created")
    list_filter = ("kind",)
    search_fields = ("name", "source")
    ordering = ("-id",)
    fields = (
        "name",
        "shown_hint",
        "kind",
        "shown_scopes",
        "source",
        "purpose",
        "fields",
        "created_by",
        "created_at",
        "expires_at",
        "revoked_at",
        "revoked_by",
    )
    readonly_fields = fields
    change_form_outer_after_template = "admin/cdp/key_steps.html"
    empty_title = "No application has a key yet"

    def get_urls(self) -> list[URLPattern]:
        rotate, revoke = (self.admin_site.admin_view(view) for view in (self.rotate_view, self.revoke_view))
        return [
            path("<int:key_id>/rotate/", rotate, name="cdp_apikey_rotate"),
            path("<int:key_id>/revoke/", revoke, name="cdp_apikey_revoke"),
            *super().get_urls(),
        ]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Issue a key; its token is in the answer and nowhere else."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = KeyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                key, token = api_keys.issue(**form.rights(), by=person_of(request), now=timezone.now())
            except KeyRefused as refused:
                _add_errors(form, refused)
            else:
                self.log_addition(request, key, "Issued.")
                return told_once(self, request, title=f"Key for {key.name}", token=token)
        return form_page(self, request, form, title="Issue an API key", button="Issue")

    @csrf_protect_m
    def rotate_view(self, request: HttpRequest, key_id: int) -> HttpResponse:
        key = self._key(request, key_id)
        if request.method == "POST":
            try:
                second, token = api_keys.rotate(key=key, by=person_of(request), now=timezone.now())
            except KeyRefused as refused:
                messages.error(request, refused.message)
            else:
                self.log_addition(request, second, f"Issued beside {key.hint}.")
                return told_once(self, request, title=f"Second key for {key.name}", token=token)
        return HttpResponseRedirect(reverse("admin:cdp_apikey_change", args=[key_id]))

    @csrf_protect_m
    def revoke_view(self, request: HttpRequest, key_id: int) -> HttpResponse:
        key = self._key(request, key_id)
        if request.method == "POST":
            api_keys.revoke(key=key, by=person_of(request), now=timezone.now())
            self.log_change(request, key, "Revoked.")
            messages.success(request, f"{key} is revoked: every door refuses it within a second.")
        return HttpResponseRedirect(reverse("admin:cdp_apikey_change", args=[key_id]))

    def _key(self, request: HttpRequest, key_id: int) -> ApiKey:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return get_object_or_404(ApiKey, pk=key_id)

    @display(description="begins with")
    def shown_hint(self, key: ApiKey) -> SafeString:
        return format_html('<span class="cdp-mono">{}</span>', key.hint)

    @display(description="may")
    def shown_scopes(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description="state", label={"live": "success", "revoked": "danger", "expired": "warning"})
    def shown_state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return "revoked"
        return "expired" if key.expires_at and key.expires_at <= timezone.now() else "live"

    @display(description="issued", ordering="created_at")
    def created(self, key: ApiKey) -> str:
        return ago(key.created_at)


def _add_errors(form: forms.Form, refused: KeyRefused) -> None:
    for error in refused.errors:
        field = {"expires_at": "expires_on"}.get(error.field, error.field)
        form.add_error(field if field in form.fields else None, error.detail)
