"""The live purposes and notices, and which purpose the catalogue gives to events and traits.

Writers read them fresh, in their transaction. Readers of profiles may not query: they get a copy that is at most a
second old.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from consent.models import NoticeVersion, PurposeVersion
from consent.terms import Terms, Wording, read_notice, read_purpose
from profiles.models import EventDefinition, TraitDefinition

_MAX_AGE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ReadRules:
    """What a decision about reading needs: the live terms, and what each trait and event was collected for."""

    purposes: Mapping[str, Terms]
    trait_purposes: Mapping[str, str]
    event_purposes: Mapping[str, str]


def live_purposes() -> dict[str, Terms]:
    versions = PurposeVersion.objects.filter(state="live").select_related("head")
    return {
        version.head.key: read_purpose(version.content, key=version.head.key, version=version.number)
        for version in versions
    }


def all_purposes() -> dict[str, Terms]:
    """Return every purpose that was ever live, in its last terms: what was agreed to can be taken back later."""
    versions = PurposeVersion.objects.filter(state__in=("live", "superseded", "retired")).select_related("head")
    return {
        version.head.key: read_purpose(version.content, key=version.head.key, version=version.number)
        for version in versions.order_by("number")
    }


def live_notice(key: str) -> Wording | None:
    version = NoticeVersion.objects.filter(head__key=key, state="live").first()
    return read_notice(version.content, key=key, version=version.number) if version else None


def notice_version(key: str, number: int) -> Wording | None:
    """Return the words of one version that was live at some time, or None."""
    version = NoticeVersion.objects.filter(
        head__key=key, number=number, state__in=("live", "superseded", "retired")
    ).first()
    return read_notice(version.content, key=key, version=number) if version else None


def event_purposes() -> dict[str, str]:
    """Return the purpose of each event name that has one."""
    return dict(EventDefinition.objects.exclude(purpose="").values_list("name", "purpose"))


def read_rules() -> ReadRules:
    """Return the rules for reading, at most a second old. Monotonic time, not `now`: it is the age of a copy."""
    global _kept
    at = time.monotonic()
    if _kept is None or at - _kept[0] > _MAX_AGE_SECONDS:
        _kept = (at, _load_read_rules())
    return _kept[1]


def forget() -> None:
    """Drop this process's copy: something went live or was retired here. Others notice within a second."""
    global _kept
    _kept = None


_kept: tuple[float, ReadRules] | None = None


def _load_read_rules() -> ReadRules:
    traits = TraitDefinition.objects.exclude(purpose="").values_list("name", "purpose")
    return ReadRules(purposes=live_purposes(), trait_purposes=dict(traits), event_purposes=event_purposes())
