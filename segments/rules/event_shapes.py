"""The shapes of the leaves that look at events: which measure, over what, in which stretch of time."""

from collections.abc import Callable, Mapping
from typing import Any

from profiles.facts.measures import Measure
from segments.rules.language import MEASURES, Result
from segments.rules.nodes import EventLeaf
from segments.rules.problems import shown, suggestion, words
from segments.rules.shapes import Broken, Parts

#: Reads a condition on an event's properties at a path; gives a condition or Broken.
Where = Callable[[Any, str], Any]


def event_leaf(parts: Parts, raw: Mapping[str, Any], path: str, *, where: Where) -> EventLeaf | Broken:
    name = parts.name(raw, "event", path)
    measure = _measure(parts, raw, path)
    of = _of(parts, raw, measure, path)
    timed = measure is not None and MEASURES[measure].result is Result.DURATION
    test = parts.test(raw, path, operand=parts.duration if timed else None)
    window = parts.window(raw, path)
    if window is not None and measure is not None and not MEASURES[measure].windowed:
        window = parts.refuse(path, f'A "{measure}" looks at all of the past and takes no "within", "from" or "to".')
    condition = where(raw["where"], f"{path}.where") if "where" in raw else None
    if name is None or measure is None or test is None or isinstance(window, Broken):
        return Broken()
    return EventLeaf(name, measure, test, of, window, condition)


def _measure(parts: Parts, raw: Mapping[str, Any], path: str) -> Measure | None:
    known = [str(measure) for measure in Measure]
    if raw.get("measure") in known:
        return Measure(raw["measure"])
    if "measure" not in raw:
        parts.refuse(path, f'An event rule needs "measure": {words(known)}.')
    else:
        hint = suggestion(str(raw["measure"]), known)
        parts.refuse(f"{path}.measure", f"{shown(raw['measure'])} is not a measure; use {words(known)}{hint}")
    return None


def _of(parts: Parts, raw: Mapping[str, Any], measure: Measure | None, path: str) -> str | None:
    if measure is None:
        return None
    if MEASURES[measure].of:
        if "of" not in raw:
            parts.refuse(path, f'A "{measure}" needs "of", the property to measure.')
            return None
        return parts.name(raw, "of", path)
    if "of" in raw:
        parts.refuse(f"{path}.of", f'A "{measure}" takes no "of"; it is about the events themselves.')
    return None
