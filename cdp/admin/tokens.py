"""Personal tokens: everybody keeps their own."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import csrf_protect_m
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.decorators import display

from cdp import person_tokens
from cdp.admin.pages import form_page, told_once
from cdp.models import PersonToken
from cdp.role_admin import RoleAdmin, person_of
from cdp.roles import Role
from cdp.templatetags.cdp_text import ago


class TokenForm(forms.Form):
    name = forms.CharField(
        max_length=100,
        label="For",
        help_text="So that you know it again.",
        widget=forms.TextInput(attrs={"class": "cdp-input"}),
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=90,
        initial=30,
        label="Days it works",
        widget=forms.NumberInput(attrs={"class": "cdp-input"}),
    )


@admin.register(PersonToken)
class PersonTokenAdmin(RoleAdmin):
    """A person's own tokens; nobody makes or sees another's, since a token approves in its holder's name."""

    adders = tuple(Role)
    actions = None
    list_display = ("name", "created", "shown_end", "shown_revoked")
    fields = readonly_fields = ("name", "created_at", "expires_at", "revoked_at")
    ordering = ("-id",)
    change_form_outer_after_template = "admin/cdp/token_steps.html"
    empty_title = "You have no token"
    empty_text = "A token lets your own scripts use the REST API as you."

    def get_queryset(self, request: HttpRequest) -> QuerySet[PersonToken]:
        tokens: QuerySet[PersonToken] = super().get_queryset(request)
        return tokens.filter(user=person_of(request))

    def get_urls(self) -> list[URLPattern]:
        revoke = self.admin_site.admin_view(self.revoke_view)
        return [path("<int:token_id>/revoke/", revoke, name="cdp_persontoken_revoke"), *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form, now = TokenForm(request.POST or None), timezone.now()
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            _, token = person_tokens.issue(
                user=person_of(request), name=given["name"], now=now, expires_at=now + timedelta(days=given["days"])
            )
            return told_once(self, request, title="Your token", token=token)
        return form_page(self, request, form, title="New personal token", button="Issue")

    @csrf_protect_m
    def revoke_view(self, request: HttpRequest, token_id: int) -> HttpResponse:
        token = get_object_or_404(self.get_queryset(request), pk=token_id)
        if request.method == "POST":
            person_tokens.revoke(token=token, now=timezone.now())
            messages.success(request, f"The token {token} is revoked.")
        return HttpResponseRedirect(reverse("admin:cdp_persontoken_changelist"))

    @display(description="issued")
    def created(self, token: PersonToken) -> str:
        return ago(token.created_at)

    @display(description="works until")
    def shown_end(self, token: PersonToken) -> str:
        return f"{token.expires_at:%-d %b %Y}"

    @display(description="revoked", boolean=True)
    def shown_revoked(self, token: PersonToken) -> bool:
        return token.revoked_at is not None
