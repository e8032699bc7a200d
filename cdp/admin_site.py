"""The admin's site: nobody passes with a password alone, unless CDP_REQUIRE_OTP is off (the demo, tests)."""

import base64
from typing import Any

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django_otp import login as remember_device
from unfold.sites import UnfoldAdminSite

from cdp import one_time_passwords
from cdp.api.authentication import signed_in_fully
from cdp.roles import remember_roles


class PlatformAdminSite(UnfoldAdminSite):
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
