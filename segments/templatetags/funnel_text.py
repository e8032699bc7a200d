"""How shares, stretches of time and groups of a funnel are written."""

from typing import Any

from django import template

from segments.funnels.report import Group, Report

register = template.Library()

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@register.filter
def share(part: float | None) -> str:
    """Write a share as a percentage."""
    return "–" if part is None else f"{100 * part:.1f} %"


@register.filter
def stretch(seconds: float | None) -> str:
    """Write a stretch of time in the largest unit it fills."""
    if seconds is None:
        return "–"
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (1, "s"))
    return f"{seconds / size:.1f} {unit}"


@register.filter
def group_name(group: Group) -> str:
    """What a group is called."""
    if group.is_rest:
        return "all others"
    return group.label if group.label is not None else "not known"


@register.filter
def all_groups(report: Report) -> list[tuple[Any, str]]:
    """Everybody first, then each group."""
    return [(report.total, "everybody"), *((group, group_name(group)) for group in report.groups)]
