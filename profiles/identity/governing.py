"""The identity rule as a governed object: what a version must say, what it would join, what going live does."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cdp.governance.errors import ContentInvalid
from cdp.governance.governed import Governed
from cdp.problems import FieldError
from profiles.identity import preview, rollout, rule, rules
from profiles.models import IdentityRule, IdentityRuleDecision, IdentityRuleVersion


def _check(content: Any, /) -> None:
    try:
        rule.read(content)
    except rule.RuleInvalid as error:
        raise ContentInvalid(error.message, errors=(FieldError(error.field, error.message),)) from None


def _evidence(version: Any, /, *, now: datetime) -> Mapping[str, Any]:
    """Freeze whom the rule would join and part if it were live now."""
    return preview.as_evidence(preview.preview(rule.read(version.content)), now=now)


def _go_live(version: Any, /, *, now: datetime) -> None:
    rules.hold_to_change()
    rules.forget()
    rollout.request(version=version.pk, by=version.submitted_by, now=now)


def _go_away(head: Any, /, *, now: datetime) -> None:
    rules.hold_to_change()
    rules.forget()
    rollout.request(version=0, by=None, now=now)


IDENTITY_RULE = Governed(
    head=IdentityRule,
    version=IdentityRuleVersion,
    decision=IdentityRuleDecision,
    validate=_check,
    on_submit=_evidence,
    on_live=_go_live,
    on_retired=_go_away,
)
