"""Trends: what a window comes to, divided by what the one before it came to.

The two windows touch: this one holds now - w < t <= now, the other now - 2w < t <= now - w. The quotient is exact to
nine digits, half rounded away from zero. Over nothing, or over a sum of 0, there is none, and the answer is unknown.
"""

from collections.abc import Callable, Mapping
from typing import Any

from profiles.facts.measures import Measure
from segments.rules.language import TREND_FIELDS, TREND_MEASURES
from segments.rules.nodes import Condition, EventLeaf, Test, TrendLeaf, Within
from segments.rules.problems import noun, shown, suggestion, words
from segments.rules.shapes import Broken, Parts

_FIELDS = frozenset(field.name for field in TREND_FIELDS)


# -- read ------------------------------------------------------------------------------------------------------------
def trend_leaf(
    parts: Parts, raw: Mapping[str, Any], path: str, *, where: Callable[[Any, str], Any]
) -> TrendLeaf | Broken:
    """Read a trend; every problem of its shape goes to `parts`."""
    test = parts.test(raw, path)
    told, place = raw["trend"], f"{path}.trend"
    if not isinstance(told, Mapping) or "event" not in told:
        return parts.refuse(place, f'"trend" takes an "event", a "measure" and "within", not {noun(told)}.')
    parts.only(told, _FIELDS, "trend", place)
    event = parts.name(told, "event", place)
    measure = _measure(parts, told, place)
    of = _of(parts, told, measure, place)
    within = _within(parts, told, place)
    condition = where(told["where"], f"{place}.where") if "where" in told else None
    if test is None or event is None or measure is None or within is None or isinstance(of, Broken):
        return Broken()
    return TrendLeaf(event, measure, test, within, of, condition)


def _measure(parts: Parts, told: Mapping[str, Any], path: str) -> Measure | None:
    if told.get("measure") in TREND_MEASURES:
        return Measure(told["measure"])
    if "measure" not in told:
        parts.refuse(path, f'A trend needs "measure": {words(TREND_MEASURES)}.')
    else:
        hint = suggestion(str(told["measure"]), TREND_MEASURES)
        refused = f"{shown(told['measure'])} has no trend; use {words(TREND_MEASURES)}{hint}"
        parts.refuse(f"{path}.measure", refused)
    return None


def _of(parts: Parts, told: Mapping[str, Any], measure: Measure | None, path: str) -> str | Broken | None:
    if measure is Measure.SUM:
        if "of" not in told:
            return parts.refuse(path, 'A "sum" needs "of", the property to measure.')
        return parts.name(told, "of", path) or Broken()
    if "of" in told and measure is not None:
        return parts.refuse(f"{path}.of", f'A "{measure}" takes no "of"; it is about the events themselves.')
    return None


def _within(parts: Parts, told: Mapping[str, Any], path: str) -> Within | None:
    if "within" in told:
        return parts.duration(told["within"], f"{path}.within")
    parts.refuse(path, 'A trend needs "within", how long each of the two windows is, such as "7d".')
    return None


# -- meant -----------------------------------------------------------------------------------------------------------
def window_of(leaf: TrendLeaf) -> EventLeaf:
    """What each of the two windows comes to, as a leaf of its own; the earlier one as of one window ago."""
    return EventLeaf(leaf.event, leaf.measure, leaf.test, leaf.of, leaf.window, leaf.where)


# -- said ------------------------------------------------------------------------------------------------------------
def trend_sentence(leaf: TrendLeaf, *, amount: Callable[[Test], str], condition: Callable[[Condition], str]) -> str:
    """The trend as a clause; `amount` says a comparison of a number, `condition` a where."""
    what = f"“{leaf.event}”" if leaf.where is None else f"“{leaf.event}” where {condition(leaf.where)}"
    measured = f"{leaf.of} of {what} in total" if leaf.measure is Measure.SUM else f"how often {what} happened"
    last = leaf.window.said_last
    return f"{measured} in the last {last} is {amount(leaf.test)} times that of the {last} before"
