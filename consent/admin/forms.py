"""What people fill in: the terms of a purpose, the words of a notice, the period of an export."""

from collections.abc import Mapping
from typing import Any

from django import forms

from consent.models import Notice, Purpose
from consent.terms import LegalBasis

_INPUT = {"class": "cdp-input"}


class _TermsForm(forms.Form):
    """A form over the fields of a content; what the content says is spread over them."""

    seen_hash = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, initial: Mapping[str, Any] | None = None, **options: Any) -> None:
        spread = {**(initial or {})}
        content = spread.pop("content", None) or {}
        super().__init__(*args, **{**options, "initial": {**spread, **self.spread(content)}})

    def spread(self, content: Mapping[str, Any]) -> dict[str, Any]:
        return dict(content)

    def content(self) -> dict[str, Any]:
        raise NotImplementedError


class PurposeForm(_TermsForm):
    title = forms.CharField(widget=forms.TextInput(attrs=_INPUT), help_text="As people read it when they are asked.")
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={**_INPUT, "rows": 3}))
    legal_basis = forms.ChoiceField(
        choices=[(basis.value, basis.label) for basis in LegalBasis],
        widget=forms.Select(attrs=_INPUT),
        help_text="Article 6(1) GDPR. Only consent needs a grant; what rests on an interest can be objected to.",
    )
    assurance = forms.ChoiceField(
        label="Whose word for a grant counts",
        choices=[("client", "browsers, apps and servers"), ("server", "servers only")],
        widget=forms.Select(attrs=_INPUT),
        help_text="Anybody can imitate a browser. A refusal counts whoever tells it.",
    )
    categories = forms.CharField(
        required=False,
        widget=forms.TextInput(attrs=_INPUT),
        help_text="Category ids of consent managers that mean this purpose, separated by commas.",
    )
    expires_after = forms.CharField(
        required=False,
        widget=forms.TextInput(attrs=_INPUT),
        help_text="How long a grant holds, such as 365d. Empty: for good.",
    )
    notice = forms.ChoiceField(
        required=False, widget=forms.Select(attrs=_INPUT), help_text="What people are shown when nobody says otherwise."
    )
    sale_or_sharing = forms.BooleanField(
        required=False,
        label="Counts as sale or sharing",
        help_text="A browser's opt-out signal (Sec-GPC) then denies it.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        notices = Notice.objects.order_by("key").values_list("key", "name")
        self.fields["notice"].choices = [("", "none"), *notices]  # type: ignore[attr-defined]

    def spread(self, content: Mapping[str, Any]) -> dict[str, Any]:
        accepted = content.get("accepted_assurance", ["client", "server"])
        return {
            **content,
            "assurance": "client" if "client" in accepted else "server",
            "categories": ", ".join(content.get("categories", [])),
        }

    def content(self) -> dict[str, Any]:
        given = self.cleaned_data
        stated = {
            "title": given["title"],
            "description": given["description"],
            "legal_basis": given["legal_basis"],
            "accepted_assurance": ["server"] if given["assurance"] == "server" else ["client", "server"],
            "categories": [word.strip() for word in given["categories"].split(",") if word.strip()],
            "expires_after": given["expires_after"].strip() or None,
            "notice": given["notice"],
            "sale_or_sharing": given["sale_or_sharing"],
        }
        return {name: value for name, value in stated.items() if value not in ("", None, [], False)}


class NoticeForm(_TermsForm):
    language = forms.CharField(
        widget=forms.TextInput(attrs=_INPUT), help_text="A language tag, such as en or de-AT.", max_length=35
    )
    text = forms.CharField(
        strip=False,
        widget=forms.Textarea(attrs={**_INPUT, "rows": 12}),
        help_text="The exact words. Their SHA-256 goes into every entry made under them.",
    )

    def content(self) -> dict[str, Any]:
        return {"language": self.cleaned_data["language"], "text": self.cleaned_data["text"]}


class ExportForm(forms.Form):
    start = forms.DateTimeField(
        label="Recorded from (UTC)",
        required=False,
        widget=forms.DateTimeInput(attrs={**_INPUT, "type": "datetime-local"}),
        help_text="Empty: from the first entry.",
    )
    end = forms.DateTimeField(
        label="Recorded before (UTC)",
        required=False,
        widget=forms.DateTimeInput(attrs={**_INPUT, "type": "datetime-local"}),
        help_text="Empty: until now.",
    )
    purpose = forms.ChoiceField(required=False, widget=forms.Select(attrs=_INPUT))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        purposes = Purpose.objects.order_by("key").values_list("key", "name")
        self.fields["purpose"].choices = [("", "every purpose"), *purposes]  # type: ignore[attr-defined]
