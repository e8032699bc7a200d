from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from cdp.role_admin import RoleAdmin
from cdp.roles import Role
from cdp.templatetags.cdp_text import ago
from profiles.models import EventDefinition, EventKind, PropertyDefinition, TraitDefinition
from profiles.models.definition import Definition

_KEEPERS = (Role.AUTHOR, Role.COMPLIANCE, Role.ADMINISTRATOR)
_LEARNED = "Names are learned from traffic and proposed here with the type that was seen. Confirm one to keep its type."


class CatalogueAdmin(RoleAdmin):
    """What traffic taught, and what people made of it."""

    editors = _KEEPERS
    actions = None
    search_fields = ("name",)
    list_filter = ("status", "personal_class")
    empty_text = _LEARNED

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).order_by("name", "pk")

    @display(description="status", label={"proposed": "warning", "confirmed": "success"})
    def shown_status(self, row: Definition) -> str:
        return row.status

    @display(description="personal data", label={"sensitive": "danger", "personal": "warning"})
    def shown_class(self, row: Definition) -> str:
        return row.personal_class

    @display(description="last seen")
    def last_seen(self, row: Definition) -> str:
        return ago(row.last_seen_at)


@admin.register(EventDefinition)
class EventDefinitionAdmin(CatalogueAdmin):
    list_display = ("name", "shown_kind", "shown_status", "shown_class", "purpose", "seen_about", "last_seen")
    fields = ("name", "shown_kind", "description", "status", "personal_class", "purpose", "first_seen_at", "last_seen_at")
    readonly_fields = ("name", "shown_kind", "first_seen_at", "last_seen_at")
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
    fields = (
        "name", "event_name", "type", "description", "status", "personal_class", "purpose", "first_seen_at", "last_seen_at",
    )  # fmt: skip
    readonly_fields = ("name", "event_name", "first_seen_at", "last_seen_at")
    empty_title = "No property has been seen"


@admin.register(TraitDefinition)
class TraitDefinitionAdmin(CatalogueAdmin):
    list_display = ("name", "type", "shown_status", "shown_class", "purpose", "description", "last_seen")
    fields = ("name", "type", "description", "status", "personal_class", "purpose", "first_seen_at", "last_seen_at")
    readonly_fields = ("name", "first_seen_at", "last_seen_at")
    empty_title = "No trait has been seen"
