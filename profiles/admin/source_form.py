"""What people fill in about a source: how it counts, and what becomes of events that do not follow its plan."""

from collections.abc import Mapping
from typing import Any

from django import forms

from profiles.models import SourceKind, TrackingPlan
from profiles.plans.enforcement import PRIORITIES

_INPUT = {"class": "cdp-input"}
_ALLOW = ("allow", "let it pass, and count it")


class SourceForm(forms.Form):
    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs=_INPUT))
    kind = forms.ChoiceField(
        choices=SourceKind.choices,
        widget=forms.Select(attrs=_INPUT),
        help_text="A browser's word about consent counts for less: anybody can imitate one.",
    )
    priority = forms.IntegerField(
        min_value=PRIORITIES[0],
        max_value=PRIORITIES[1],
        widget=forms.NumberInput(attrs=_INPUT),
        help_text="Where two sources state the same trait, the higher number wins.",
    )
    enabled = forms.BooleanField(
        required=False,
        label="Takes events",
        help_text="Of a source that does not, every event is refused and counted, and nothing of it is kept.",
    )
    tracking_plan = forms.ChoiceField(required=False, widget=forms.Select(attrs=_INPUT))
    unplanned_event = forms.ChoiceField(
        label="An event that the plan does not list",
        choices=[_ALLOW, ("block", "block it: keep it aside, to be sent through again")],
        widget=forms.Select(attrs=_INPUT),
    )
    unplanned_property = forms.ChoiceField(
        label="A property or trait that the plan does not list",
        choices=[_ALLOW, ("omit", "leave it out of what is stored")],
        widget=forms.Select(attrs=_INPUT),
    )
    violation = forms.ChoiceField(
        label="A value that breaks the plan's schema",
        choices=[_ALLOW, ("omit", "leave the property out"), ("block", "block the event, to be sent through again")],
        widget=forms.Select(attrs=_INPUT),
        help_text="What is required and missing cannot be left out: such an event is stored, or blocked.",
    )
    seen_hash = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, initial: Mapping[str, Any] | None = None, **options: Any) -> None:
        spread = {**(initial or {})}
        content = spread.pop("content", None) or {}
        stated = {"priority": 100, "enabled": True, **content, **content.get("enforcement", {})}
        super().__init__(*args, **{**options, "initial": {**spread, **stated}})
        plans = TrackingPlan.objects.order_by("name").values_list("key", "name")
        self.fields["tracking_plan"].choices = [("", "none: everything is taken"), *plans]  # type: ignore[attr-defined]

    def content(self) -> dict[str, Any]:
        given = self.cleaned_data
        enforcement = {name: given[name] for name in ("unplanned_event", "unplanned_property", "violation")}
        stated = {name: given[name] for name in ("name", "kind", "priority", "enabled", "tracking_plan")}
        return {**stated, "enforcement": enforcement}
