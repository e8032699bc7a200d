"""How far a threshold may move by itself: what the author of a version says beside the rule.

    "thresholds": {"band": 0.2, "hysteresis": 0.05, "every": "1d"}

A new snapshot that moved by no more than `hysteresis` of the value in force changes nothing: without it people at the
edge would come and go with every refresh. Up to `band` it takes the old one's place by itself; beyond, somebody is
asked. Without a band every step is asked about: the author said nothing that a machine could decide by. Hysteresis is
between snapshots and not between a person's answers, on purpose: an answer that depended on the one before would not be
the same on the lane, in a backfill and in the reference.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from segments.models import Outcome
from segments.rules.vocabulary import Unit

_EVERY = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_MOST = timedelta(days=366)
_FIELDS = ("band", "hysteresis", "every")
_WANTED = '"thresholds" is {"band": 0.2, "hysteresis": 0.05, "every": "1d"}, each of them optional'


@dataclass(frozen=True, slots=True)
class Band:
    """Shares of the value in force, and how often it is measured again."""

    band: Decimal = Decimal(0)
    hysteresis: Decimal = Decimal(0)
    every: timedelta = timedelta(days=1)


def misfit(value: Any) -> str | None:
    """What is wrong with the field as an author wrote it; None where nothing is."""
    if not isinstance(value, Mapping):
        return f"{_WANTED}."
    if unknown := sorted(set(value) - set(_FIELDS)):
        return f'{_WANTED}; there is no "{unknown[0]}".'
    for name in ("band", "hysteresis"):
        share = value.get(name, 0)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 10:
            return f'"{name}" is a share of the value in force, such as 0.2 for a fifth; at most 10.'
    if "every" in value and _length(value["every"]) is None:
        return f'"every" is a time such as "6h" or "1d" (units m, h, d), at most {_MOST.days} days.'
    return None


def band_of(content: Mapping[str, Any]) -> Band:
    """The band of a content that was checked when it was drafted."""
    told = content.get("thresholds", {})
    return Band(
        band=Decimal(str(told.get("band", 0))),
        hysteresis=Decimal(str(told.get("hysteresis", 0))),
        every=_length(told.get("every")) or timedelta(days=1),
    )


def decided(*, old: Decimal | None, new: Decimal | None, band: Band) -> Outcome:
    """What becomes of a new snapshot by itself. From nothing to something, or back, nobody said how far is near."""
    if old == new:
        return Outcome.KEPT
    if old is None or new is None or old == 0:
        return Outcome.ASKED
    moved = abs(new - old) / abs(old)
    if moved <= band.hysteresis:
        return Outcome.KEPT
    return Outcome.REFRESHED if moved <= band.band else Outcome.ASKED


def _length(raw: Any) -> timedelta | None:
    match = _EVERY.fullmatch(raw) if isinstance(raw, str) else None
    if match is None:
        return None
    length = timedelta(seconds=int(match[1]) * Unit(match[2]).seconds)
    return length if length <= _MOST else None
