"""What people fill in on the admin's pages of governed objects."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class CommentForm(forms.Form):
    """Why; and the hash of the content the person looked at while deciding."""

    comment = forms.CharField(
        required=False,
        widget=forms.Textarea(
            attrs={"class": "cdp-input", "rows": 3, "placeholder": "Why? It stays with the decision."}
        ),
    )
    seen_hash = forms.CharField(required=False, widget=forms.HiddenInput)


class _Indented(json.JSONEncoder):
    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "indent": 2, "sort_keys": True})


class ContentField(forms.JSONField):
    """JSON as people read it, in lines."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except RecursionError:
            raise ValidationError("The content is nested too deep.") from None
        except ValidationError:
            raise ValidationError(_told_where(value)) from None


def _told_where(text: str) -> str:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"This is not JSON: {error.msg.lower()}, at line {error.lineno}, column {error.colno}."
    return "This is not JSON."


class ContentForm(forms.Form):
    """The content as JSON text; a type with a builder of its own names another form in `GovernedAdmin.content_form`."""

    content = ContentField(
        encoder=_Indented,
        widget=forms.Textarea(attrs={"class": "cdp-input cdp-input-code", "rows": 20, "spellcheck": "false"}),
    )
    seen_hash = forms.CharField(required=False, widget=forms.HiddenInput)
