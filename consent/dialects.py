"""What an event says about consent, in Segment's and in RudderStack's way of saying it. Pure.

Segment: `context.consent.categoryPreferences = {category: bool}`; `{}` refuses every category; a category left out of
a non-empty object is false where it was said before. RudderStack: `context.consentManagement` with two lists of ids;
an id in neither says nothing. Each has a track event of its own by which a person's decision, rather than a setting
that rides along, is told.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from consent.terms import Terms

#: The events that tell a decision just made.
DEDICATED = frozenset({"Segment Consent Preference Updated", "Consent Management Interaction"})


class Method(StrEnum):
    SEGMENT = "segment_category_preferences"
    RUDDERSTACK = "rudderstack_consent_management"
    GPC = "global_privacy_control"


class Answer(StrEnum):
    YES = "yes"
    NO = "no"
    LEFT_OUT = "left_out"  # counts as no where the same device said yes before


@dataclass(frozen=True, slots=True)
class Preferences:
    """The categories of a consent manager as one event tells them."""

    method: Method
    allowed: frozenset[str]
    denied: frozenset[str]
    refuses_everything: bool = False
    is_complete: bool = False


def may_tell(context: Mapping[str, Any]) -> bool:
    """Say whether it is worth reading a context."""
    return "consent" in context or "consentManagement" in context


def read(context: Mapping[str, Any]) -> Preferences | None:
    """Return the preferences in an event's context, or None when it says nothing about consent."""
    return _segment(context.get("consent")) or _rudderstack(context.get("consentManagement"))


def answers(preferences: Preferences, purposes: Iterable[Terms]) -> dict[str, Answer]:
    """Say what the preferences mean for each purpose that has categories mapped to it.

    A purpose may list several: categories that must all be granted, or what different consent managers call the same.
    So those that are mentioned decide, and one refusal among them refuses.
    """
    found = {terms.key: _answer(preferences, terms.categories) for terms in purposes if terms.categories}
    return {key: answer for key, answer in found.items() if answer is not None}


def _answer(preferences: Preferences, categories: frozenset[str]) -> Answer | None:
    if preferences.refuses_everything or categories & preferences.denied:
        return Answer.NO
    if categories & preferences.allowed:
        return Answer.YES
    return Answer.LEFT_OUT if preferences.is_complete else None


def _segment(consent: Any) -> Preferences | None:
    stated = consent.get("categoryPreferences") if isinstance(consent, dict) else None
    if not isinstance(stated, dict):
        return None
    return Preferences(
        method=Method.SEGMENT,
        allowed=frozenset(category for category, allowed in stated.items() if allowed is True),
        denied=frozenset(category for category, allowed in stated.items() if allowed is False),
        refuses_everything=not stated,
        is_complete=True,
    )


def _rudderstack(management: Any) -> Preferences | None:
    if not isinstance(management, dict):
        return None
    allowed, denied = _ids(management.get("allowedConsentIds")), _ids(management.get("deniedConsentIds"))
    if not allowed and not denied:
        return None
    return Preferences(method=Method.RUDDERSTACK, allowed=allowed, denied=denied)


def _ids(listed: Any) -> frozenset[str]:
    return frozenset(entry for entry in listed if isinstance(entry, str)) if isinstance(listed, list) else frozenset()
