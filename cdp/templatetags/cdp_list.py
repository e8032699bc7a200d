"""The table of a list page."""

from typing import Any

from django import template
from unfold.templatetags.unfold_list import result_headers

from cdp.list_rows import rows

register = template.Library()


@register.inclusion_tag("cdp/list_rows.html", takes_context=True)
def list_rows(context: Any, cl: Any) -> dict[str, Any]:
    """Draw the headings and the rows of a list."""
    headers = list(result_headers(cl))
    return {
        "cl": cl,
        "result_headers": headers,
        "num_sorted_fields": sum(bool(header["sortable"] and header["sorted"]) for header in headers),
        "rows": list(rows(cl)),
        "has_add_permission": cl.model_admin.has_add_permission(context["request"]),
    }
