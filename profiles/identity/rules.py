"""The live identity rule: read fresh by whoever writes, and at most a second old by whoever reads."""

import time

from django.db import connection

from profiles.identity import rule
from profiles.identity.rule import DEFAULT, IdentityRule
from profiles.models import IdentityRuleVersion

_MAX_AGE_SECONDS = 1.0
_LIVE = "SELECT live_version_id FROM identity_rule WHERE live_version_id IS NOT NULL"
# Two statements in one round trip: the second sees what was committed while the first waited.
_HOLD = f"SELECT pg_advisory_xact_lock_shared(hashtext('cdp identity rule')); {_LIVE}"
_HOLD_TO_CHANGE = "SELECT pg_advisory_xact_lock(hashtext('cdp identity rule'))"


class RuleChanged(Exception):
    """Another rule went live since the names of these events were read."""


# Versions never change, so the one that was read last can be kept for ever; which one is live is asked each time.
_read: IdentityRule = DEFAULT
_kept: tuple[float, IdentityRule] | None = None


def live_rule() -> IdentityRule:
    """Return the rule that is live now, or the default while none is."""
    return _ask(_LIVE)


def _ask(statement: str) -> IdentityRule:
    global _read
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    version = row[0] if row else 0
    if version != _read.version:
        _read = rule.read(_content(version), version=version) if version else DEFAULT
    return _read


def _content(version: int) -> object:
    content: object = IdentityRuleVersion.objects.values_list("content", flat=True).get(pk=version)
    return content


def known_rule() -> IdentityRule:
    """Return the live rule, at most a second old. Monotonic time, not `now`: it is the age of a copy."""
    global _kept
    at = time.monotonic()
    if _kept is None or at - _kept[0] > _MAX_AGE_SECONDS:
        _kept = (at, live_rule())
    return _kept[1]


def known_types() -> tuple[str, ...]:
    """Return the types of identifiers there are, in the order of their priority; at most a second old."""
    return known_rule().names


def forget() -> None:
    """Drop this process's copy: a version went live or was retired here. Others notice within a second."""
    global _kept
    _kept = None


def hold(wanted: IdentityRule) -> None:
    """Keep the rule from changing until the transaction ends. Raises RuleChanged when it is not `wanted` any more."""
    if _ask(_HOLD).version != wanted.version:
        raise RuleChanged("Another identity rule went live while these events came in.")


def hold_to_change() -> None:
    """Wait until nobody stores events by the live rule, and let nobody begin before this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_TO_CHANGE)
