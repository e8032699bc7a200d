"""How times, ids and values are written on admin pages."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from itertools import islice

from django import template
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from cdp.ids import to_public

register = template.Library()

_STEPS = ((60, "second"), (60, "minute"), (24, "hour"), (30, "day"))
_LONGEST_VALUE = 80


@register.filter
def ago(moment: datetime | None) -> str | SafeString:
    """Write a moment as its distance from now, with the exact time on hover; older than a month as the date."""
    if moment is None:
        return "never"
    distance = (timezone.now() - moment).total_seconds()
    return _time(moment, _distance(distance) or f"{moment:%-d %b %Y}")


@register.filter
def exact(moment: datetime | None) -> str | SafeString:
    """Write a moment to the second, in UTC."""
    return "–" if moment is None else _time(moment, f"{moment:%-d %b %Y, %H:%M:%S}")


@register.filter
def stated(text: str) -> str | SafeString:
    """Write a moment that a document states as text (ISO 8601)."""
    return exact(datetime.fromisoformat(text)) if text else "–"


@register.filter
def clock(moment: datetime) -> SafeString:
    """Write the time of day, for lists that name the day above."""
    return _time(moment, f"{moment:%H:%M:%S}")


def _time(moment: datetime, text: str) -> SafeString:
    # Hundreds of these stand on a page, and nothing in them is anybody's text: escaping them would be in vain.
    shown = f'<time datetime="{moment.isoformat()}" title="{moment:%-d %b %Y, %H:%M:%S} UTC">{text}</time>'
    return mark_safe(shown)  # noqa: S308


def _distance(seconds: float) -> str | None:
    amount, ahead = abs(seconds), seconds < 0
    for size, unit in _STEPS:
        if amount < size:
            count = int(amount)
            if unit == "second":
                return "in a moment" if ahead else "just now"
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"in {words}" if ahead else f"{words} ago"
        amount /= size
    return None


@register.filter
def public_id(number: int | None) -> str:
    return "" if number is None else to_public(number)


@register.filter
def short(value: object, longest: int = _LONGEST_VALUE) -> str:
    """Write a JSON value on one line, cut where it gets long."""
    if isinstance(value, Decimal):
        text = f"{value.normalize():f}"
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= longest else text[: longest - 1] + "…"


@register.filter
def leading(pairs: Mapping[str, object], count: int) -> list[tuple[str, object]]:
    """Return the first so many names with their values."""
    return list(islice(pairs.items(), count))


@register.filter
def pretty(value: object) -> str:
    """Write a JSON value over several lines."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, default=str)


@register.filter
def percent_of(part: float | None, whole: float | None) -> str:
    """The share of `part` in `whole` as a CSS length; 0 where there is nothing."""
    return f"{100 * (part or 0) / whole:.2f}%" if whole else "0%"
