"""Thresholds taken from the population: "above what four fifths of the buyers spend" in place of a number.

A `Threshold` is what the author wrote. A `Taken` is the same with the value of the snapshot that is in force: from
there on it is a literal like any other, for the compiler and the reference alike, that also says where it comes from.
"""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from profiles.facts.values import number
from segments.rules.vocabulary import Op

#: Only what has a side: nobody means "exactly the 80th percentile", and a range is two conditions.
THRESHOLD_OPS = frozenset({Op.LT, Op.LE, Op.GT, Op.GE})
MOST_DEVIATIONS = 10
_MOST_NAME = 100


class Statistic(enum.StrEnum):
    PERCENTILE = "percentile"
    MEAN_PLUS_SD = "mean_plus_sd"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A statistic of what the leaf measures, over the members of a segment or (None) everybody of known value."""

    statistic: Statistic
    amount: Decimal
    over: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A threshold with its value; None where nobody was there to take it from, and the answer is unknown."""

    threshold: Threshold
    value: Decimal | None
    people: int = 0
    taken_at: datetime | None = None
    snapshot: int | None = None


def is_open(value: object) -> bool:
    """Say whether a test compares with a threshold that has no value: then its answer is unknown."""
    return isinstance(value, Threshold) or (isinstance(value, Taken) and value.value is None)


def threshold_of(value: object) -> Threshold | None:
    """The threshold that a test compares with, whether or not it has been taken."""
    if isinstance(value, Taken):
        return value.threshold
    return value if isinstance(value, Threshold) else None


def read_threshold(raw: Mapping[str, Any], *, refuse: Callable[[str, str], Any]) -> Threshold | None:
    """Read `{"percentile": 80, "over": "buyers"}`; `refuse` takes the field (or "") and the sentence."""
    told = [statistic for statistic in Statistic if statistic in raw]
    if len(told) != 1:
        refuse("", 'A value from the population is {"percentile": 80} or {"mean_plus_sd": 2}.')
        return None
    for key in raw:
        if key not in (told[0], "over"):
            refuse(str(key), 'A value from the population takes "over" beside it, and nothing else.')
            return None
    amount = _amount(told[0], raw[told[0]])
    if amount is None:
        refuse(told[0], _AMOUNTS[told[0]])
        return None
    over = raw.get("over")
    if over is not None and not (isinstance(over, str) and 0 < len(over) <= _MOST_NAME):
        refuse("over", '"over" takes the key of a segment; without it, everybody counts whose value is known.')
        return None
    return Threshold(told[0], amount, over)


def described(threshold: Threshold) -> str:
    """Say in words what is taken, and from whom."""
    whom = "everybody" if threshold.over is None else f"the segment “{threshold.over}”"
    return f"{_statistic(threshold)} of {whom}"


def short(threshold: Threshold) -> str:
    """Name the statistic as a formula does."""
    amount = f"{threshold.amount.normalize():f}"
    return f"p{amount}" if threshold.statistic is Statistic.PERCENTILE else f"mean + {amount} SD"


def told(taken: Taken) -> str:
    """Say what was taken, with its value, from how many people and when: "p80 = 412.00, n = 51,203, taken on …"."""
    if taken.value is None:
        return f"{described(taken.threshold)} (nobody to take it from)"
    day = f", taken on {taken.taken_at:%Y-%m-%d}" if taken.taken_at else ""
    return f"{described(taken.threshold)} ({short(taken.threshold)} = {amount(taken.value)}, n = {taken.people:,}{day})"


def amount(value: Decimal) -> str:
    """A number as people write amounts: two digits after the point, or as many as there are."""
    exact = value.normalize()
    return f"{exact:,.2f}" if -exact.as_tuple().exponent <= 2 else f"{exact:,f}"  # type: ignore[operator]


_AMOUNTS: Mapping[Statistic, str] = {
    Statistic.PERCENTILE: "A percentile lies between 0 and 100, both left out.",
    Statistic.MEAN_PLUS_SD: f"Standard deviations are a number from -{MOST_DEVIATIONS} to {MOST_DEVIATIONS}.",
}


def _amount(statistic: Statistic, raw: Any) -> Decimal | None:
    exact = None if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal) else number(raw)
    if exact is None or exact != Decimal(str(raw)):
        return None
    fits = 0 < exact < 100 if statistic is Statistic.PERCENTILE else abs(exact) <= MOST_DEVIATIONS
    return exact if fits else None


def _statistic(threshold: Threshold) -> str:
    amount = f"{threshold.amount.normalize():f}"
    if threshold.statistic is Statistic.PERCENTILE:
        return f"the {amount}{_ordinal(amount)} percentile"
    sign, size = ("minus", amount[1:]) if amount.startswith("-") else ("plus", amount)
    return f"the mean {sign} {size} standard deviation{'' if size == '1' else 's'}"


def _ordinal(amount: str) -> str:
    if amount[-2:] in ("11", "12", "13"):
        return "th"
    return {"1": "st", "2": "nd", "3": "rd"}.get(amount[-1], "th")
