"""What people fill in about a destination."""

from collections.abc import Mapping
from typing import Any

from django import forms

from consent.models import Purpose
from segments.delivery.content import DEFAULT_RATE, MOST_RATE, What
from segments.models import Segment

_INPUT = {"class": "cdp-input"}
_SAID = {
    What.ENTERED: "somebody entered",
    What.LEFT: "somebody left",
    What.TAGS: "a tag was added or removed",
}


class DestinationForm(forms.Form):
    """A destination's content, field by field."""

    url = forms.CharField(
        label="Address",
        widget=forms.TextInput(attrs={**_INPUT, "inputmode": "url", "placeholder": "https://hooks.example.com/cdp"}),
        help_text="Messages are sent here by POST, signed as Standard Webhooks say.",
    )
    purpose = forms.ChoiceField(
        widget=forms.Select(attrs=_INPUT),
        help_text="What the receiver wants it for. Consent is asked for this purpose each time a message leaves.",
    )
    segments = forms.MultipleChoiceField(
        widget=forms.SelectMultiple(attrs={**_INPUT, "size": 8}), help_text="Whose changes it is told."
    )
    what = forms.MultipleChoiceField(
        label="Told when",
        choices=[(kind.value, _SAID[kind]) for kind in What],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "cdp-checks"}),
    )
    rate = forms.IntegerField(
        label="Messages a second, at most",
        min_value=1,
        max_value=MOST_RATE,
        widget=forms.NumberInput(attrs=_INPUT),
    )
    seen_hash = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, initial: Mapping[str, Any] | None = None, **options: Any) -> None:
        spread = {**(initial or {})}
        content = spread.pop("content", None) or {}
        shown = {"rate": DEFAULT_RATE, "what": [What.ENTERED.value, What.LEFT.value], **content, **spread}
        super().__init__(*args, **{**options, "initial": shown})
        purposes = Purpose.objects.filter(live_version__isnull=False).order_by("key").values_list("key", "name")
        segments = Segment.objects.order_by("name").values_list("key", "name")
        self.fields["purpose"].choices = list(purposes)  # type: ignore[attr-defined]
        self.fields["segments"].choices = list(segments)  # type: ignore[attr-defined]

    def content(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {name: given[name] for name in ("url", "purpose", "segments", "what", "rate")}
