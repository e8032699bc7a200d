"""The rows of a list page, with what a whole column shares made once.

The theme makes a column's heading, classes and label anew in every cell and renders a template for every box and label,
which was two thirds of such a page's time. Rows cannot be edited in place here, so no forms are among the cells.
"""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.db import models
from django.urls import NoReverseMatch
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from unfold.admin import checkbox
from unfold.templatetags.unfold_list import CHECKBOX_CLASSES, LINK_CLASSES, ROW_CLASSES
from unfold.utils import display_for_field, display_for_header, display_for_label, display_for_value

_BOX = "action_checkbox"
_LINK = f'<a href="{{}}" class="{" ".join(LINK_CLASSES)}"{{}}>{{}}</a>'
_LATE = datetime.date | datetime.time


@dataclass(frozen=True, slots=True)
class Column:
    """What the cells of one column share; `read` is the page's own method, where the column is no field."""

    name: str
    label: str
    classes: str
    linked: bool
    heading: bool
    read: Callable[[Any], Any] | None
    known: dict[Any, str] = field(default_factory=dict)  # labels that were drawn on this page already

    def cell(self, inner: str, *, nowrap: str = "") -> str:
        tag = "th" if self.heading else "td"
        return f'<{tag} class="{self.classes}{nowrap}" data-label="{self.label}">{inner}</{tag}>'


def rows(cl: Any) -> Iterator[SafeString]:
    """Yield the cells of each row of a list."""
    columns = list(_columns(cl))
    box = str(checkbox.render(ACTION_CHECKBOX_NAME, "{}"))
    way_back = _way_back(cl)
    for row in cl.result_list:
        cells = []
        for column in columns:
            if column.name == _BOX:
                cells.append(column.cell(format_html(box, row.pk)))
                continue
            shown, nowrap = _shown(cl, column, row)
            if column.linked:
                shown = _linked(cl, row, way_back, shown)
            cells.append(column.cell(conditional_escape(shown), nowrap=nowrap))
        yield mark_safe("".join(cells))  # noqa: S308  # each cell is escaped above


def _columns(cl: Any) -> Iterator[Column]:
    links = [name for name in cl.list_display if name in (cl.list_display_links or ())]
    for name in cl.list_display:
        text = "Select record" if name == _BOX else label_for_field(name, cl.model, model_admin=cl.model_admin)
        yield Column(
            name=name,
            label=conditional_escape(str(text)),
            classes=" ".join(CHECKBOX_CLASSES if name == _BOX else (f"field-{name}", *ROW_CLASSES)),
            linked=name in links,
            heading=name in links[:1],
            read=None if _field(cl, name) else getattr(cl.model_admin, name, None),
        )


def _field(cl: Any, name: str) -> Any:
    try:
        return cl.lookup_opts.get_field(name)
    except FieldDoesNotExist:
        return None


def _shown(cl: Any, column: Column, row: Any) -> tuple[Any, str]:
    """What a cell shows, and a class that keeps a time on one line."""
    nothing = cl.model_admin.get_empty_value_display()
    of_row: Any
    attribute: Any
    if column.read is not None:
        of_row, attribute, value = None, column.read, column.read(row)
    else:
        try:
            of_row, attribute, value = lookup_field(column.name, row, cl.model_admin)
        except ObjectDoesNotExist:
            return nothing, ""
    if of_row is not None and not of_row.auto_created:
        return _of_field(of_row, row, value, nothing)
    nothing = getattr(attribute, "empty_value_display", nothing)
    nowrap = " nowrap" if isinstance(value, _LATE) else ""
    if label := getattr(attribute, "label", False):
        return _label(column, value, nothing, label), nowrap
    if getattr(attribute, "header", False):
        return display_for_header(value, nothing), nowrap
    return display_for_value(value, nothing, getattr(attribute, "boolean", False)), nowrap


def _of_field(of_row: Any, row: Any, value: Any, nothing: str) -> tuple[Any, str]:
    nowrap = " nowrap" if isinstance(of_row, models.DateField | models.TimeField | models.ForeignKey) else ""
    if isinstance(of_row.remote_field, models.ManyToOneRel):
        related = getattr(row, of_row.name)
        return (nothing if related is None else related), nowrap
    return display_for_field(value, of_row, nothing), nowrap


def _label(column: Column, value: Any, nothing: str, label: Any) -> str:
    if isinstance(value, list):
        return str(display_for_label(value, nothing, label))
    if value not in column.known:
        column.known[value] = display_for_label(value, nothing, label)
    return column.known[value]


def _linked(cl: Any, row: Any, way_back: str, shown: Any) -> Any:
    try:
        address = cl.url_for_result(row)
    except NoReverseMatch:
        return shown
    pk = row.serializable_value(str(cl.to_field or cl.lookup_opts.pk.attname))
    opener = format_html(' data-popup-opener="{}"', pk) if cl.is_popup else ""
    return format_html(_LINK, address + way_back, opener, shown)


def _way_back(cl: Any) -> str:
    """What every row's address carries, so that its page leads back to this list as it was narrowed."""
    if not (cl.preserved_filters and cl.result_list and cl.list_display_links):
        return ""
    try:
        address = cl.url_for_result(cl.result_list[0])
    except NoReverseMatch:
        return ""
    carrying = add_preserved_filters({"preserved_filters": cl.preserved_filters, "opts": cl.opts}, address)
    return str(carrying).removeprefix(address)
