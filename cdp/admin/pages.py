"""Pages that fit none of the admin's own: a plain form, and a token that is told once."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from cdp.role_admin import RoleAdmin


def form_page(page: RoleAdmin, request: HttpRequest, form: forms.Form, *, title: str, button: str) -> HttpResponse:
    return _page(page, request, "admin/cdp/form.html", title=title, form=form, button=button)


def told_once(page: RoleAdmin, request: HttpRequest, *, title: str, token: str) -> HttpResponse:
    """Show a token in the answer itself: a message would travel in a cookie, a redirect would need it stored."""
    response = _page(page, request, "admin/cdp/told_once.html", title=title, token=token)
    response["Cache-Control"] = "no-store"
    return response


def _page(page: RoleAdmin, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    opts = page.opts
    common = {
        **page.admin_site.each_context(request),
        "opts": opts,
        "list_address": reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"),
    }
    return TemplateResponse(request, template, {**common, **context})
