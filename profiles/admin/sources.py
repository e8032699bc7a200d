from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from cdp.role_admin import RoleAdmin
from cdp.roles import Role
from profiles.models import Source


@admin.register(Source)
class SourceAdmin(RoleAdmin):
    """Where events come from, and whose word counts more when two sources differ."""

    editors = (Role.ADMINISTRATOR,)
    adders = (Role.ADMINISTRATOR,)
    list_display = ("name", "key", "shown_kind", "priority", "created_at")
    fields = ("name", "key", "kind", "priority")
    actions = None
    empty_title = "No source has sent anything yet"
    empty_text = (
        "A source appears by itself with the first event sent under its key. Issue a key under Platform, API keys, "
        "and point an SDK at this server."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        sources: QuerySet[Source] = super().get_queryset(request)
        return sources.order_by("name", "id")

    def get_readonly_fields(self, request: HttpRequest, obj: Source | None = None) -> tuple[str, ...]:
        # Stored requests and issued keys name the source by its key.
        return ("key",) if obj else ()

    @display(description="kind", label={"server": "info", "browser": "warning", "import": "success"})
    def shown_kind(self, source: Source) -> str:
        return source.kind
