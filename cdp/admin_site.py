"""The admin's site: nobody passes with a password alone, unless CDP_REQUIRE_OTP is off (the demo, tests)."""

import base64
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django_otp import login as remember_device
from unfold.sites import UnfoldAdminSite

from cdp import one_time_passwords
from cdp.api.authentication import signed_in_fully
from cdp.navigation import sidebar
from cdp.roles import remember_roles

# What the pages are told that differs from request to request.
_OF_REQUEST = frozenset(
    ("has_permission", "available_apps", "is_popup", "log_entries", "tab_list", "sidebar_navigation")
)


class PlatformAdminSite(UnfoldAdminSite):
    _looks: dict[str, Any] | None = None

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what every page shows around its content.

        Names, colours and styles come from the settings and are the same for everybody: the theme works them out from
        its defaults anew for every page, which took longer than most pages' own queries, so they are kept.
        """
        of_request = AdminSite.each_context(self, request)
        if self._looks is None:
            everything = super().each_context(request)
            self._looks = {name: value for name, value in everything.items() if name not in _OF_REQUEST}
        may = of_request["has_permission"]
        tabs, navigation = self.get_tabs_list(request), sidebar(request) if may else []
        return {**of_request, **self._looks, "tab_list": tabs, "sidebar_navigation": navigation}

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Return the list of everything registered; the sidebar is our own, so hardly a page looks at it."""
        if app_label is not None:
            return super().get_app_list(request, app_label)
        return SimpleLazyObject(lambda: super(PlatformAdminSite, self).get_app_list(request))

    def has_permission(self, request: HttpRequest) -> bool:
        if not super().has_permission(request) or not signed_in_fully(request):
            return False
        remember_roles(request.user)
        return True

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        # Password given, second step missing: asking for the password again would go round in circles.
        if super().has_permission(request) and not signed_in_fully(request):
            query = urlencode({REDIRECT_FIELD_NAME: self._next(request)})
            return HttpResponseRedirect(f"{reverse(f'{self.name}:one_time_password')}?{query}")
        answer: HttpResponse = super().login(request, extra_context)
        return answer

    def extra_urls(self) -> list[URLPattern]:
        return [path("one-time-password/", self.one_time_password, name="one_time_password")]

    @method_decorator([never_cache, sensitive_post_parameters("code")])
    def one_time_password(self, request: HttpRequest) -> HttpResponse:
        """Ask for the one-time password; the first time, show the code that enrols a device."""
        if not super().has_permission(request):
            return redirect(f"{self.name}:login")
        if signed_in_fully(request):
            return HttpResponseRedirect(self._next(request))
        user: Any = request.user
        wrong = False
        if request.method == "POST":
            device = one_time_passwords.accept(user=user, code=request.POST.get("code", "").replace(" ", ""))
            if device is not None:
                remember_device(request, device)
                return HttpResponseRedirect(self._next(request))
            wrong = True
        return self._one_time_page(request, user, wrong=wrong)

    def _one_time_page(self, request: HttpRequest, user: Any, *, wrong: bool) -> HttpResponse:
        device = one_time_passwords.device_of(user)
        context = {
            **self.each_context(request),
            "title": "One-time password",
            "wrong": wrong,
            "next": self._next(request),
            "enrolling": not device.confirmed,
        }
        if not device.confirmed:
            context["qr_code"] = mark_safe(one_time_passwords.qr_code(device))  # noqa: S308  # our own drawing
            context["secret"] = base64.b32encode(device.bin_key).decode().rstrip("=")
        return TemplateResponse(request, "admin/one_time_password.html", context)

    def _next(self, request: HttpRequest) -> str:
        wanted = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME) or ""
        safe = url_has_allowed_host_and_scheme(
            wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )
        return wanted if safe else reverse(f"{self.name}:index")
