"""How days and heights are written on the pages about histories."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from django import template

from segments.history import Day
from segments.plots import HEIGHT

register = template.Library()


@register.filter
def plain(number: float) -> str:
    """Write a coordinate as SVG takes it, whatever the page's language."""
    return f"{number:.1f}"


@register.filter
def below_middle(height: float) -> str:
    """Write where a bar begins that ends in the middle."""
    return f"{HEIGHT / 2 - height:.1f}"


@register.filter
def last_day(days: Sequence[Day]) -> str:
    return days[-1].day.isoformat()


@register.filter
def utc_day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
