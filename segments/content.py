"""What a segment version must say: `{"rule": …}`, and which warnings its author acknowledged.

A warning does not forbid a rule; it asks that somebody said yes to it. `"acknowledged": ["true_without_data"]` is part
of the content, so it is hashed, frozen and approved with the rule, and the approver sees it in the difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdp.governance.errors import ContentInvalid
from cdp.problems import FieldError
from segments.catalogue import workspace_zone
from segments.rules.checker import Findings, review
from segments.rules.nodes import Rule
from segments.rules.parser import Problem, parse
from segments.rules.vocabulary import Catalogue

_FIELDS = frozenset({"rule", "acknowledged"})


@dataclass(frozen=True, slots=True)
class Review:
    """What was found in a version's content; `open_warnings` are those its author has not acknowledged."""

    findings: Findings
    open_warnings: tuple[Problem, ...]


def rule_of(content: Mapping[str, Any]) -> Rule:
    """The rule of a content that was checked when it was drafted."""
    return parse(content["rule"])


def review_content(content: Any, *, catalogue: Catalogue) -> Review:
    """Say everything that is wrong with a content. Raises ContentInvalid where there is something."""
    acknowledged = _checked_shape(content)
    findings = review(content["rule"], catalogue=catalogue, workspace_tz=workspace_zone())
    if not findings.ok:
        raise _invalid(findings.problems)
    return Review(findings, tuple(w for w in findings.warnings if w.code not in acknowledged))


def require_acknowledged(review: Review) -> None:
    """Raises ContentInvalid while a warning is open."""
    if review.open_warnings:
        asked = ", ".join(f'"{warning.code}"' for warning in review.open_warnings)
        told = " ".join(warning.message for warning in review.open_warnings)
        raise ContentInvalid(
            f'{told} If that is meant, add {asked} to "acknowledged".',
            errors=tuple(FieldError("acknowledged", warning.message) for warning in review.open_warnings),
        )


def _checked_shape(content: Any) -> frozenset[str]:
    if not isinstance(content, dict) or "rule" not in content:
        raise _malformed("rule", 'A segment is an object with a "rule".')
    if unknown := sorted(set(content) - _FIELDS):
        raise _malformed(unknown[0], f'A segment has a "rule" and "acknowledged", nothing called "{unknown[0]}".')
    acknowledged = content.get("acknowledged", [])
    if not isinstance(acknowledged, list) or not all(isinstance(code, str) for code in acknowledged):
        raise _malformed("acknowledged", '"acknowledged" is a list of warning codes.')
    return frozenset(acknowledged)


def _malformed(field: str, message: str) -> ContentInvalid:
    return ContentInvalid(message, errors=(FieldError(field, message),))


def _invalid(problems: tuple[Problem, ...]) -> ContentInvalid:
    errors = tuple(FieldError("rule" + problem.path.removeprefix("$"), problem.message) for problem in problems)
    return ContentInvalid(problems[0].message, errors=errors)
