"""Purposes and notices as governed objects: what a version must say, and what going live sets in motion."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cdp.governance.errors import ContentInvalid
from cdp.governance.governed import Governed
from cdp.problems import FieldError
from consent import catalogue, projection, terms
from consent.models import (
    ConsentState,
    Notice,
    NoticeDecision,
    NoticeVersion,
    Purpose,
    PurposeDecision,
    PurposeVersion,
)


def _check_purpose(content: Any, /) -> None:
    try:
        read = terms.read_purpose(content)
    except terms.TermsInvalid as error:
        raise _invalid(error) from None
    if read.notice and not Notice.objects.filter(key=read.notice).exists():
        raise _invalid(terms.TermsInvalid("notice", f"There is no notice “{read.notice}”."))


def _check_notice(content: Any, /) -> None:
    try:
        terms.read_notice(content)
    except terms.TermsInvalid as error:
        raise _invalid(error) from None


def _invalid(error: terms.TermsInvalid) -> ContentInvalid:
    return ContentInvalid(str(error), errors=(FieldError(error.field, error.message),))


def _who_stands_where(version: Any, /, *, now: datetime) -> Mapping[str, Any]:
    """Freeze how many people a new version of the terms concerns."""
    known = ConsentState.objects.filter(purpose=version.head.key)
    return {"granted": known.filter(granted=True).count(), "refused": known.filter(granted=False).count()}


def _purpose_is_live(version: Any, /, *, now: datetime) -> None:
    catalogue.forget()
    projection.touch_purpose(purpose=version.head.key)


def _purpose_is_retired(head: Any, /, *, now: datetime) -> None:
    catalogue.forget()
    projection.touch_purpose(purpose=head.key)


PURPOSES = Governed(
    head=Purpose,
    version=PurposeVersion,
    decision=PurposeDecision,
    validate=_check_purpose,
    on_submit=_who_stands_where,
    on_live=_purpose_is_live,
    on_retired=_purpose_is_retired,
)
NOTICES = Governed(head=Notice, version=NoticeVersion, decision=NoticeDecision, validate=_check_notice)
