from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from cdp.governance.admin import GovernedAdmin, Section
from consent.admin.forms import NoticeForm, PurposeForm
from consent.models import Notice, Purpose
from consent.terms import TermsInvalid, read_notice, read_purpose


@admin.register(Purpose)
class PurposeAdmin(GovernedAdmin):
    content_form = PurposeForm
    empty_title = "No purpose yet"
    empty_text = "A purpose says what data may be used for and on which legal basis. Reads and rules name one."

    def sections(self, version: Any) -> Sequence[Section]:
        return (Section("In words", _in_words(version.content)),)

    def evidence(self, version: Any) -> SafeString | None:
        counted = version.evidence
        return format_html(
            "<p>When it was submitted, {} people had agreed to this purpose and {} had refused it.</p>",
            counted.get("granted", 0),
            counted.get("refused", 0),
        )

    def content_of(self, form: forms.Form) -> Any:
        return form.content() if isinstance(form, PurposeForm) else super().content_of(form)


@admin.register(Notice)
class NoticeAdmin(GovernedAdmin):
    content_form = NoticeForm
    empty_title = "No notice yet"
    empty_text = "A notice holds the exact words people are shown when they are asked."

    def sections(self, version: Any) -> Sequence[Section]:
        try:
            wording = read_notice(version.content)
        except TermsInvalid:
            return ()
        words = format_html(
            '<p lang="{}">{}</p><p class="cdp-subtle cdp-mono">SHA-256 {}</p>',
            wording.language,
            wording.text,
            wording.sha256,
        )
        return (Section("The words", words),)

    def content_of(self, form: forms.Form) -> Any:
        return form.content() if isinstance(form, NoticeForm) else super().content_of(form)


def _duration(span: timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    return f"{hours // 24} days" if hours % 24 == 0 else f"{hours} hours"


def _in_words(content: Any) -> SafeString:
    try:
        terms = read_purpose(content)
    except TermsInvalid as error:
        return format_html("<p>{}</p>", str(error))
    counts = "Only a server's word for a grant counts." if terms.server_only else "A browser's word counts, too."
    holds = (
        f"A grant holds for {_duration(terms.expires_after)}."
        if terms.expires_after
        else "A grant holds until it is taken back."
    )
    sale = "It counts as sale or sharing: a browser's opt-out signal denies it." if terms.is_sale_or_sharing else ""
    asked = " ".join((counts, holds)) if terms.legal_basis == "consent" else ""
    return format_html("<p>“{}” rests on {}. {} {}</p>", terms.title, terms.legal_basis.label, asked, sale)
