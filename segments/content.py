"""What a segment version may say: `{"rule": …}` and the fields below, and which warnings its author acknowledged.

A warning does not forbid a rule; it asks that somebody said yes to it. `"acknowledged": ["true_without_data"]` is part
of the content, so it is hashed, frozen and approved with the rule, and the approver sees it in the difference.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from cdp.governance.errors import ContentInvalid
from cdp.governance.schedule import ENDS_AT, STARTS_AT, schedule_of
from cdp.problems import FieldError
from segments import tags
from segments.catalogue import workspace_zone
from segments.rules.checker import Findings, review
from segments.rules.nodes import Rule
from segments.rules.parser import Problem, parse
from segments.rules.sentences import sentence
from segments.rules.vocabulary import Catalogue
from segments.thresholds import bands

MOST_SHADOW = timedelta(days=90)


def _acknowledged(value: Any) -> str | None:
    fits = isinstance(value, list) and all(isinstance(code, str) for code in value)
    return None if fits else '"acknowledged" is a list of warning codes.'


def _approvals(value: Any) -> str | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and value in (1, 2)
    return None if fits else '"approvals" says how many people have to approve: 1 or 2.'


def _shadow(value: Any) -> str | None:
    length = _length(value)
    fits = length is not None and timedelta() < length <= MOST_SHADOW
    return None if fits else f'"shadow" is a time such as "7d" (units m, h, d), at most {MOST_SHADOW.days} days.'


def _left_to_the_schedule(value: Any) -> str | None:
    return None


#: The fields beside the rule. Each function says what is wrong with a value, or None; a new field is a new row.
FIELDS: Mapping[str, Callable[[Any], str | None]] = MappingProxyType(
    {
        "acknowledged": _acknowledged,
        "approvals": _approvals,
        "shadow": _shadow,
        tags.FIELD: tags.misfit,
        "thresholds": bands.misfit,
        STARTS_AT: _left_to_the_schedule,
        ENDS_AT: _left_to_the_schedule,
    }
)


@dataclass(frozen=True, slots=True)
class Review:
    """What was found in a version's content; `open_warnings` are those its author has not acknowledged."""

    findings: Findings
    open_warnings: tuple[Problem, ...]


def rule_of(content: Mapping[str, Any]) -> Rule:
    """The rule of a content that was checked when it was drafted."""
    return parse(content["rule"])


def shadow_of(content: Mapping[str, Any]) -> timedelta | None:
    """For how long the content asks to run beside what is live before it may replace it."""
    return _length(content.get("shadow"))


def told(content: Mapping[str, Any]) -> str:
    """The whole content as a sentence: the rule, then when it holds and how it gets there."""
    schedule, parts = schedule_of(content), [sentence(rule_of(content))]
    if schedule.starts_at:
        parts.append(f"from {schedule.starts_at.isoformat(' ')} on")
    if schedule.ends_at:
        parts.append(f"until {schedule.ends_at.isoformat(' ')}")
    if "tag" in content:
        parts.append(f"with the tag “{content['tag']}”")
    if "shadow" in content:
        parts.append(f"after {content['shadow']} in the shadow of what is live")
    if content.get("approvals", 1) > 1:
        parts.append("once two people have approved it")
    return ", ".join(parts)


def repeated(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a roll-back repeats: the same without a schedule and a trial that are over."""
    return {name: value for name, value in content.items() if name not in (STARTS_AT, ENDS_AT, "shadow")}


def review_content(content: Any, *, catalogue: Catalogue) -> Review:
    """Say everything that is wrong with a content. Raises ContentInvalid where there is something."""
    acknowledged = _checked_shape(content)
    findings = review(content["rule"], catalogue=catalogue, workspace_tz=workspace_zone())
    if not findings.ok:
        raise _invalid(findings.problems)
    return Review(findings, still_open(findings.warnings, acknowledged=acknowledged))


def still_open(warnings: Iterable[Problem], *, acknowledged: Iterable[str]) -> tuple[Problem, ...]:
    """The warnings that nobody has said yes to."""
    known = frozenset(acknowledged)
    return tuple(warning for warning in warnings if warning.code not in known)


def require_acknowledged(warnings: Iterable[Problem]) -> None:
    """Raises ContentInvalid while a warning is open."""
    waiting = tuple(warnings)
    if waiting:
        asked = ", ".join(dict.fromkeys(f'"{warning.code}"' for warning in waiting))
        messages = " ".join(warning.message for warning in waiting)
        raise ContentInvalid(
            f'{messages} If that is meant, add {asked} to "acknowledged".',
            errors=tuple(FieldError("acknowledged", warning.message) for warning in waiting),
        )


def _checked_shape(content: Any) -> frozenset[str]:
    if not isinstance(content, dict) or "rule" not in content:
        raise _malformed("rule", 'A segment is an object with a "rule".')
    if unknown := sorted(set(content) - {"rule", *FIELDS}):
        known = ", ".join(f'"{name}"' for name in FIELDS)
        raise _malformed(unknown[0], f'A segment has a "rule" and perhaps {known}, nothing called "{unknown[0]}".')
    for name, check in FIELDS.items():
        if name in content and (problem := check(content[name])):
            raise _malformed(name, problem)
    schedule = schedule_of(content)
    if schedule.starts_at and "shadow" in content:
        raise _malformed("shadow", "A start and a shadow exclude each other: what a trial shows decides the start.")
    return frozenset(content.get("acknowledged", ()))


def _length(value: Any) -> timedelta | None:
    units = {"m": 60, "h": 3_600, "d": 86_400}
    if not isinstance(value, str) or value[-1:] not in units or not value[:-1].isascii() or not value[:-1].isdigit():
        return None
    return timedelta(seconds=int(value[:-1][:9]) * units[value[-1]])


def _malformed(field: str, message: str) -> ContentInvalid:
    return ContentInvalid(message, errors=(FieldError(field, message),))


def _invalid(problems: tuple[Problem, ...]) -> ContentInvalid:
    errors = tuple(FieldError("rule" + problem.path.removeprefix("$"), problem.message) for problem in problems)
    return ContentInvalid(problems[0].message, errors=errors)
