"""Stages of a life with events: the first time, coming back after a pause, and nothing of the kind since.

All three are about something that happened, so they are never unknown: of whom it did not happen they are false.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from segments.rules.language import LIFECYCLES
from segments.rules.nodes import Condition, LifecycleLeaf, Step, Within
from segments.rules.problems import noun, shown, suggestion, words
from segments.rules.shapes import Broken, Parts
from segments.rules.vocabulary import Lifecycle

_SINCE_FIELDS = ("event", "where")


# -- read ------------------------------------------------------------------------------------------------------------
def lifecycle_leaf(
    parts: Parts, raw: Mapping[str, Any], path: str, *, where: Callable[[Any, str], Any]
) -> LifecycleLeaf | Broken:
    """Read a stage of life; every problem of its shape goes to `parts`."""
    kind = _kind(parts, raw, path)
    if "event" not in raw:
        return parts.refuse(path, 'A "lifecycle" needs an "event", what it is about.')
    event = parts.name(raw, "event", path)
    window = parts.window(raw, path)
    condition = where(raw["where"], f"{path}.where") if "where" in raw else None
    if kind is None:
        return Broken()
    after = _after(parts, raw, kind, path)
    since = _since(parts, raw, kind, path, where)
    if kind is Lifecycle.FIRST_TIME and window is None:
        return parts.refuse(path, 'A "first_time" needs "within" or "from" and "to": when the first time was.')
    if event is None or isinstance(window, Broken) or isinstance(after, Broken) or isinstance(since, Broken):
        return Broken()
    return LifecycleLeaf(kind, event, window, condition, after, since)


def _kind(parts: Parts, raw: Mapping[str, Any], path: str) -> Lifecycle | None:
    told = raw["lifecycle"]
    if isinstance(told, str) and told in LIFECYCLES:
        return Lifecycle(told)
    hint = suggestion(str(told), LIFECYCLES)
    parts.refuse(f"{path}.lifecycle", f"{shown(told)} is not a stage of life; use {words(LIFECYCLES)}{hint}")
    return None


def _after(parts: Parts, raw: Mapping[str, Any], kind: Lifecycle, path: str) -> Within | Broken | None:
    if kind is Lifecycle.RETURNED:
        if "after" not in raw:
            return parts.refuse(path, 'A "returned" needs "after", how long the pause was at least, such as "30d".')
        return parts.duration(raw["after"], f"{path}.after") or Broken()
    return parts.refuse(f"{path}.after", '"after" belongs to "returned".') if "after" in raw else None


def _since(
    parts: Parts, raw: Mapping[str, Any], kind: Lifecycle, path: str, where: Callable[[Any, str], Any]
) -> Step | Broken | None:
    """What did not happen since: the name of an event, or an object with a name and a condition."""
    place = f"{path}.not_since"
    if kind is not Lifecycle.NOT_SINCE:
        return parts.refuse(place, '"not_since" belongs to the stage of that name.') if "not_since" in raw else None
    if "not_since" not in raw:
        return parts.refuse(path, 'A "not_since" needs "not_since", the event that did not happen since.')
    told = raw["not_since"]
    if isinstance(told, str):
        name = parts.name(raw, "not_since", path)
        return Broken() if name is None else Step(name)
    if not isinstance(told, Mapping) or "event" not in told:
        wanted = 'the name of an event, or an object with an "event" and a "where"'
        return parts.refuse(place, f'"not_since" takes {wanted}, not {noun(told)}.')
    parts.only(told, _SINCE_FIELDS, "not_since", place)
    event = parts.name(told, "event", place)
    condition = where(told["where"], f"{place}.where") if "where" in told else None
    return Broken() if event is None else Step(event, condition)


# -- meant -----------------------------------------------------------------------------------------------------------
def holds(
    leaf: LifecycleLeaf,
    moments: Sequence[datetime],
    others: Sequence[datetime],
    *,
    inside: Callable[[datetime], bool],
) -> bool:
    """Whether it is so, from when the event and the other one ever happened up to now; `inside`: in the window."""
    match leaf.lifecycle:
        case Lifecycle.FIRST_TIME:
            return bool(moments) and inside(min(moments))
        case Lifecycle.RETURNED:
            assert leaf.after is not None
            pause = timedelta(seconds=leaf.after.seconds)
            return any(later - earlier >= pause and inside(later) for earlier, later in pairwise(sorted(moments)))
        case Lifecycle.NOT_SINCE:
            latest = max((moment for moment in moments if inside(moment)), default=None)
            return latest is not None and not any(other > latest for other in others)


# -- said ------------------------------------------------------------------------------------------------------------
def lifecycle_sentence(leaf: LifecycleLeaf, *, when: str, condition: Callable[[Condition], str]) -> str:
    """The stage as a clause; `when` says the window, `condition` a where."""
    what = _said(leaf.event, leaf.where, condition)
    match leaf.lifecycle:
        case Lifecycle.FIRST_TIME:
            return f"{what} happened for the first time{when}"
        case Lifecycle.RETURNED:
            assert leaf.after is not None
            return f"{what} happened{when} again after a pause of at least {leaf.after.said}"
        case Lifecycle.NOT_SINCE:
            assert leaf.not_since is not None
            other = _said(leaf.not_since.event, leaf.not_since.where, condition)
            return f"{what} happened{when} and no {other} since the latest of it"


def _said(event: str, where: Condition | None, condition: Callable[[Condition], str]) -> str:
    return f"“{event}”" if where is None else f"“{event}” where {condition(where)}"
