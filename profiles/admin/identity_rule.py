"""The identity rule: its types, limits and blocked values in words, and what approval would join and part."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from cdp.governance.admin import GovernedAdmin, Section
from profiles.identity.rule import DEFAULT, IdentifierKind, IdentityRule, RuleInvalid, as_content, read, spelled
from profiles.models import IdentityRule as IdentityRuleHead


@admin.register(IdentityRuleHead)
class IdentityRuleAdmin(GovernedAdmin):
    """Which values are identifiers, and of whom."""

    empty_title = "The default identity rule holds"
    empty_text = (
        "User ids, e-mail addresses, telephone numbers and anonymous ids are identifiers, without limits. To add types "
        "of your own, limits or blocked values, an author adds the rule with the key “identity”."
    )

    def first_content(self) -> Any:
        return as_content(DEFAULT)

    def sections(self, version: Any) -> Sequence[Section]:
        try:
            rule = read(version.content)
        except RuleInvalid:
            return ()
        return (Section("In words", _drawn("rule", {"types": _types(rule), "rule": rule})),)

    def evidence(self, version: Any) -> SafeString | None:
        return _drawn("evidence", {"seen": version.evidence}) if version.evidence else None


def _types(rule: IdentityRule) -> list[dict[str, str]]:
    return [{"name": kind.name, "taken": _taken(kind), "bound": _bound(kind)} for kind in rule.types]


def _taken(kind: IdentifierKind) -> str:
    told = [f"the trait {trait}" for trait in kind.traits] + [f"the external id {name}" for name in kind.external]
    return ", ".join(told)


def _bound(kind: IdentifierKind) -> str:
    if kind.unique:
        return "two people who each have one never become one"
    if kind.limit is None:
        return "as many as come"
    within = f" within any {spelled(kind.within)}" if kind.within else ""
    return f"at most {kind.limit:,} per person{within}"


def _drawn(part: str, context: dict[str, Any]) -> SafeString:
    return SafeString(render_to_string(f"profiles/identity/{part}.html", context))
