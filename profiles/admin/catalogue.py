from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from cdp.role_admin import RoleAdmin, record_act
from cdp.roles import Role, has_role
from cdp.templatetags.cdp_text import ago, exact
from profiles.models import EventDefinition, EventKind, PropertyDefinition, TraitDefinition
from profiles.models.definition import Definition

_KEEPERS = (Role.AUTHOR, Role.COMPLIANCE, Role.ADMINISTRATOR)
#: What a name may be used for is not its author's to say.
_GUARDIANS = (Role.COMPLIANCE, Role.ADMINISTRATOR)
_GUARDED = ("personal_class", "purpose")
_LEARNED = "Names are learned from traffic and proposed here with the type that was seen. Confirm one to keep its type."


class DefinitionForm(forms.ModelForm):
    class Meta:
        labels = {"personal_class": "Personal data", "purpose": "Collected for"}
        help_texts = {
            "type": "How rules read the value. A value that does not parse as this type counts as unknown.",
            "status": "A confirmed name keeps its type, whatever traffic sends.",
            "personal_class": "Sensitive: health, religion, origin and the like, which need an explicit ground.",
            "purpose": "The key of the purpose that this may be collected for. Empty: no particular one.",
        }
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3}), "purpose": UnfoldAdminTextInputWidget()}


class CatalogueAdmin(RoleAdmin):
    """What traffic taught, and what people made of it."""

    form = DefinitionForm
    editors = _KEEPERS
    actions = None
    search_fields: Sequence[str] = ("name",)
    list_filter = ("status", "personal_class")
    empty_text = _LEARNED

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        names: QuerySet = super().get_queryset(request)
        return names.order_by("name", "pk")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        guarded = () if has_role(request.user, *_GUARDIANS) else _GUARDED
        return (*super().get_readonly_fields(request, obj), *guarded)

    def save_model(self, request: HttpRequest, obj: Definition, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        changed = {name: [form.initial.get(name), form.cleaned_data[name]] for name in form.changed_data}
        if changed:
            named = {"kind": obj._meta.model_name, "id": obj.pk, "name": str(obj), "changed": changed}
            record_act(request, "catalogue.change", fields=sorted(changed), basis=named)

    @display(description="status", label={"proposed": "warning", "confirmed": "success"})
    def shown_status(self, row: Definition) -> str:
        return row.status

    @display(description="personal data", label={"sensitive": "danger", "personal": "warning"})
    def shown_class(self, row: Definition) -> str:
        return row.personal_class

    @display(description="last seen")
    def last_seen(self, row: Definition) -> str:
        return ago(row.last_seen_at)

    @display(description="seen (UTC)")
    def seen(self, row: Definition) -> str:
        return format_html("{} to {}", exact(row.first_seen_at), exact(row.last_seen_at))


@admin.register(EventDefinition)
class EventDefinitionAdmin(CatalogueAdmin):
    list_display = ("name", "shown_kind", "shown_status", "shown_class", "purpose", "seen_about", "last_seen")
    fields = ("name", "shown_kind", "description", "status", "personal_class", "purpose", "seen")
    readonly_fields = ("name", "shown_kind", "seen")
    empty_title = "No event has been seen"

    @display(description="kind")
    def shown_kind(self, row: EventDefinition) -> str:
        return EventKind(row.kind).name.lower()

    @display(description="seen about")
    def seen_about(self, row: EventDefinition) -> str:
        return f"{row.count:,}"


@admin.register(PropertyDefinition)
class PropertyDefinitionAdmin(CatalogueAdmin):
    list_display = ("name", "event_name", "type", "shown_status", "shown_class", "purpose", "last_seen")
    search_fields = ("name", "event_name")
    fields = ("name", "event_name", "type", "description", "status", "personal_class", "purpose", "seen")
    readonly_fields = ("name", "event_name", "seen")
    empty_title = "No property has been seen"


@admin.register(TraitDefinition)
class TraitDefinitionAdmin(CatalogueAdmin):
    list_display = ("name", "type", "shown_status", "shown_class", "purpose", "description", "last_seen")
    fields = ("name", "type", "description", "status", "personal_class", "purpose", "seen")
    readonly_fields = ("name", "seen")
    empty_title = "No trait has been seen"
