from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from profiles.models import Source


class SourceFilter(admin.SimpleListFilter):
    """Offers the sources; for rows with a `source_id`, a foreign key or not."""

    title = "source"
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in Source.objects.order_by("name").values_list("pk", "name")[:100]]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        chosen = self.value() or ""
        return queryset.filter(source_id=int(chosen)) if chosen.isdigit() else queryset
