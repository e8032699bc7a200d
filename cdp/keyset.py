"""Pages of a large list by where they begin, not by how many rows to skip: page 4,000 costs what page 1 costs.

A list is in the order of one column, newest first, ties broken by id. A page is named by the row it begins after
(`older`) or ends before (`newer`), so that rows that come in meanwhile neither repeat nor hide others, and nothing
counts the rows. The column must have an index and no NULL.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

OLDER, NEWER = "older", "newer"


@dataclass(frozen=True, slots=True)
class Place:
    """A row's place in the order: its value in the column and its id."""

    value: Any
    id: int

    def __str__(self) -> str:
        spelled = self.value.isoformat() if isinstance(self.value, datetime) else self.value
        return base64.urlsafe_b64encode(json.dumps([spelled, self.id]).encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """Read a place from an address; None for one that nobody here wrote."""
        try:
            value, number = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            if not isinstance(number, int) or not isinstance(value, int | str) or abs(number) >= 1 << 63:
                return None
            return cls(datetime.fromisoformat(value) if isinstance(value, str) else value, number)
        except (ValueError, TypeError, binascii.Error):
            return None


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, newest first, and the places its neighbours are reached by; None where there are no more rows."""

    rows: Sequence[Any]
    newer: Place | None
    older: Place | None


def page(queryset: QuerySet, *, by: str, size: int, older: Place | None = None, newer: Place | None = None) -> Page:
    """Return the rows after the place `older`, those right before the place `newer`, or the first ones.

    `by` is a column or an annotation of the rows.
    """
    if newer is not None:
        found = list(_beyond(queryset, by, newer, "gt").order_by(*_order(by, ""))[: size + 1])
        rows = found[:size][::-1]
        return Page(rows, _place(rows[0], by) if len(found) > size else None, _place(rows[-1], by) if rows else None)
    wanted = queryset if older is None else _beyond(queryset, by, older, "lt")
    found = list(wanted.order_by(*_order(by, "-"))[: size + 1])
    rows = found[:size]
    return Page(
        rows,
        _place(rows[0], by) if older is not None and rows else None,
        _place(rows[-1], by) if len(found) > size else None,
    )


def _order(by: str, sign: str) -> list[str]:
    return [f"{sign}{by}"] if by == "pk" else [f"{sign}{by}", f"{sign}pk"]


def _beyond(queryset: QuerySet, by: str, place: Place, side: str) -> QuerySet:
    """The bound stands on its own beside the tie-break, or no index would begin where the page begins."""
    if by == "pk":
        return queryset.filter(**{f"{by}__{side}": place.id})
    within = queryset.filter(**{f"{by}__{side}e": place.value})
    return within.filter(Q(**{f"{by}__{side}": place.value}) | Q(**{f"pk__{side}": place.id}))


def _place(row: Any, by: str) -> Place:
    return Place(getattr(row, by), row.pk)
