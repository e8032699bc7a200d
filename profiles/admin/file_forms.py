"""What people fill in about files: what to import and how, what to export and what for."""

from typing import Any

from django import forms

from profiles.exports import tables
from profiles.exports.asking import Format
from profiles.imports.uploads import FileKind

_INPUT = {"class": "cdp-input"}


class ImportForm(forms.Form):
    file = forms.FileField(
        widget=forms.ClearableFileInput(attrs=_INPUT), help_text="CSV or JSON lines, gzipped or not, or Parquet."
    )
    kind = forms.ChoiceField(
        label="Each row is",
        choices=[(FileKind.PEOPLE.value, "a person"), (FileKind.EVENTS.value, "an event")],
        widget=forms.Select(attrs=_INPUT),
    )
    mapping = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={**_INPUT, "rows": 14, "spellcheck": "false"}),
        help_text="What the columns mean, as JSON. Empty for a file of people: one is proposed from its header.",
    )
    source = forms.CharField(
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs=_INPUT),
        help_text="Under which source it is recorded; the mapping's when empty.",
    )
    dated = forms.DateTimeField(
        label="Written at (UTC)",
        required=False,
        widget=forms.DateTimeInput(attrs={**_INPUT, "type": "datetime-local"}),
        help_text="For a file of people without a column of times: when it was written.",
    )


class DataExportForm(forms.Form):
    purpose = forms.CharField(
        max_length=100,
        widget=forms.TextInput(attrs=_INPUT),
        help_text="Key of a live purpose. Only people whom it permits leave, and only what may leave for it.",
    )
    start = forms.DateField(
        label="First day (UTC)", widget=forms.DateInput(attrs={**_INPUT, "type": "date"}, format="%Y-%m-%d")
    )
    end = forms.DateField(
        label="Day after the last (UTC)", widget=forms.DateInput(attrs={**_INPUT, "type": "date"}, format="%Y-%m-%d")
    )
    tables = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple, help_text="None: all.")
    segment = forms.CharField(
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs=_INPUT),
        help_text="Key of one segment, for who was in it on each of the days; empty for all.",
    )
    format = forms.ChoiceField(
        required=False, choices=[(one.value, one.value) for one in Format], widget=forms.Select(attrs=_INPUT)
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["tables"].choices = [(name, name) for name in tables.names()]  # type: ignore[attr-defined]
