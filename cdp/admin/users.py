"""People who sign in, and the roles they hold."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import csrf_protect_m
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from cdp import one_time_passwords
from cdp.models import User
from cdp.role_admin import RoleAdmin
from cdp.roles import Role, has_role
from cdp.templatetags.cdp_text import ago

ROLE_TEXTS = {
    Role.AUTHOR: "drafts and submits rules, purposes and notices",
    Role.APPROVER: "approves, rejects and retires what others wrote",
    Role.COMPLIANCE: "reads the consent log, exports it, answers people's requests",
    Role.ADMINISTRATOR: "keeps users, keys and settings; approves nothing",
    Role.VIEWER: "looks",
}

# Django's own page shows groups with the permissions of every table; ours are names, and their meaning is in the code.
admin.site.unregister(Group)


class _RoleField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, group: Any) -> str:
        return f"{group.name}: {ROLE_TEXTS.get(group.name, '')}"


@admin.register(User)
class UserAdmin(DjangoUserAdmin, RoleAdmin):
    """People who sign in. Nobody is deleted: what they decided keeps their name."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    viewers = editors = adders = (Role.ADMINISTRATOR,)
    actions = None
    list_display = ("username", "full_name", "shown_roles", "shown_active", "last_seen")
    list_filter = ("is_active",)
    search_fields = ("username", "first_name", "last_name", "email")
    ordering = ("username",)
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password", "first_name", "last_name", "email")}),
        ("Rights", {"fields": ("is_active", "groups")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "email", "password1", "password2", "groups")}),)
    change_form_outer_after_template = "admin/cdp/user_steps.html"
    empty_title = "Nobody may sign in yet"

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # Whoever gives out roles does not give them to themselves: a second administrator does.
        return ("groups",) if obj is not None and obj.pk == request.user.pk else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Whoever could sign in as an approver would approve what they wrote.
        return super().has_change_permission(request, obj) and not (_writes(request) and _is_approver(request, obj))

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name != "groups":
            return super().formfield_for_manytomany(db_field, request, **kwargs)
        withheld = [Role.APPROVER] if _writes(request) else []
        return _RoleField(
            queryset=Group.objects.exclude(name__in=withheld).order_by("name"),
            required=False,
            label="Roles",
            widget=forms.CheckboxSelectMultiple(attrs={"class": "cdp-checks"}),
        )

    def get_urls(self) -> list[URLPattern]:
        forget = self.admin_site.admin_view(self.forget_device)
        return [path("<int:user_id>/forget-device/", forget, name="cdp_user_forget_device"), *super().get_urls()]

    @csrf_protect_m
    def forget_device(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Let a person who lost the phone enrol another one at the next sign-in."""
        user = get_object_or_404(User, pk=user_id) if self.has_change_permission(request) else None
        if user is None or not self.has_change_permission(request, user):
            raise PermissionDenied
        if request.method == "POST":
            one_time_passwords.forget(user=user)
            self.log_change(request, user, "One-time password device forgotten.")
            messages.success(request, f"{user} enrols a new device at the next sign-in.")
        return HttpResponseRedirect(reverse("admin:cdp_user_change", args=[user_id]))

    @display(description="name")
    def full_name(self, user: User) -> str:
        return user.get_full_name() or "–"

    @display(description="roles")
    def shown_roles(self, user: User) -> str:
        names = sorted(group.name for group in user.groups.all())
        return ", ".join([*names, *(["superuser"] if user.is_superuser else [])]) or "none"

    @display(description="may sign in", boolean=True)
    def shown_active(self, user: User) -> bool:
        return user.is_active

    @display(description="last sign-in", ordering="last_login")
    def last_seen(self, user: User) -> str:
        return ago(user.last_login)


def _writes(request: HttpRequest) -> bool:
    return has_role(request.user, Role.AUTHOR)


def _is_approver(request: HttpRequest, user: User | None) -> bool:
    return user is not None and user.pk != request.user.pk and user.groups.filter(name=Role.APPROVER).exists()


@admin.register(Group)
class RoleListAdmin(RoleAdmin):
    """What roles there are. They are part of the product: a migration makes them."""

    list_display = ("name", "meaning", "people")
    fields = ("name",)
    actions = None
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        groups: QuerySet[Group] = super().get_queryset(request)
        return groups.annotate(held_by=Count("user"))

    @display(description="may")
    def meaning(self, group: Group) -> str:
        return (
            ROLE_TEXTS.get(Role(group.name), "") if group.name in list(Role) else "nothing: not a role of the product"
        )

    @display(description="people")
    def people(self, group: Any) -> int:
        return int(group.held_by)
