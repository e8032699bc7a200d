"""Sequences: events in an order, with those that must not come between or after. Read, meant and said.

There is *an* assignment of events to the steps: not the first, not the latest, any. Steps follow strictly: of two
events of one moment nobody knows which came first, and the order in which they arrived must not decide. An absent step
asks for the whole time between the step before and the step after, or, where it is the last, until now; its `within`
says how long that time is at least. `README.md` decides the bounds.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from segments.rules.language import STEP_FIELDS
from segments.rules.nodes import Condition, SequenceLeaf, Step, Within
from segments.rules.problems import noun
from segments.rules.shapes import Broken, Parts
from segments.rules.vocabulary import FEWEST_STEPS, MOST_STEPS

_FIELDS = frozenset(field.name for field in STEP_FIELDS)


@dataclass(frozen=True, slots=True)
class Link:
    """One step that happens, with what holds between it and the one before. The end of all, now, has no step.

    It comes at least `after` seconds later, less than `before` seconds later where that is said, and none of `without`
    lies between.
    """

    step: Step | None
    after: int = 0
    before: int | None = None
    without: tuple[Step, ...] = ()


# -- read ------------------------------------------------------------------------------------------------------------
def sequence_leaf(
    parts: Parts, raw: Mapping[str, Any], path: str, *, where: Callable[[Any, str], Any]
) -> SequenceLeaf | Broken:
    """Read a sequence; every problem of its shape goes to `parts`."""
    within = _window(parts, raw, path)
    written = raw["sequence"]
    if not isinstance(written, list | tuple):
        return parts.refuse(f"{path}.sequence", f'"sequence" takes a list of steps, not {noun(written)}.')
    if not FEWEST_STEPS <= len(written) <= MOST_STEPS:
        counted = f"A sequence has {FEWEST_STEPS} to {MOST_STEPS} steps, not {len(written)}."
        return parts.refuse(f"{path}.sequence", counted)
    steps = [_step(parts, step, f"{path}.sequence[{index}]", where) for index, step in enumerate(written)]
    known = tuple(step for step in steps if isinstance(step, Step))
    if within is None or len(known) < len(steps):
        return Broken()
    leaf = SequenceLeaf(known, within)
    return _possible(parts, leaf, path) or leaf


def _window(parts: Parts, raw: Mapping[str, Any], path: str) -> Within | None:
    if "within" in raw:
        return parts.duration(raw["within"], f"{path}.within")
    parts.refuse(path, 'A sequence needs "within", the time in which all of it happens, such as "24h".')
    return None


def _step(parts: Parts, raw: Any, path: str, where: Callable[[Any, str], Any]) -> Step | Broken:
    if not isinstance(raw, Mapping) or "event" not in raw:
        return parts.refuse(path, 'A step is an object with an "event" and, if need be, a "where" and a "within".')
    parts.only(raw, _FIELDS, "a step", path)
    event = parts.name(raw, "event", path)
    within = parts.duration(raw["within"], f"{path}.within") if "within" in raw else None
    absent = raw.get("absent", False)
    if not isinstance(absent, bool):
        return parts.refuse(f"{path}.absent", f'"absent" is true or false, not {noun(absent)}.')
    condition = where(raw["where"], f"{path}.where") if "where" in raw else None
    if event is None or (within is None and "within" in raw):
        return Broken()
    return Step(event, condition, within, absent)


def _possible(parts: Parts, leaf: SequenceLeaf, path: str) -> Broken | None:
    first = leaf.steps[0]
    if first.absent:
        return parts.refuse(f"{path}.sequence[0].absent", "The first step has to happen: the others are told from it.")
    if first.within is not None:
        return parts.refuse(f"{path}.sequence[0].within", "The first step has none before it; leave out its within.")
    if sum(link.after for link in links_of(leaf)) >= leaf.within.seconds:
        waiting = "The steps that must not happen take as long as the whole sequence may, so it is never true."
        return parts.refuse(f"{path}.within", waiting)
    return None


# -- meant -----------------------------------------------------------------------------------------------------------
def links_of(leaf: SequenceLeaf) -> tuple[Link, ...]:
    """The steps that happen, each with the absent ones before it; absent ones at the end wait for now."""
    links: list[Link] = []
    without: list[Step] = []
    for step in leaf.steps:
        if step.absent:
            without.append(step)
        else:
            links.append(_link(step, without))
            without = []
    if without:
        links.append(_link(None, without))
    return tuple(links)


def _link(step: Step | None, without: Sequence[Step]) -> Link:
    before = step.within.seconds if step is not None and step.within is not None else None
    return Link(step, max((absent_for(absent) for absent in without), default=0), before, tuple(without))


def absent_for(step: Step) -> int:
    return 0 if step.within is None else step.within.seconds


def holds(leaf: SequenceLeaf, *, times: Callable[[Step], Sequence[datetime]], now: datetime) -> bool:
    """Whether the sequence is there; `times` gives the moments up to now at which a step's event happened."""
    first, *rest = links_of(leaf)
    assert first.step is not None
    return any(
        now - timedelta(seconds=leaf.within.seconds) < start and _goes_on(rest, start, times, now)
        for start in times(first.step)
    )


def _goes_on(
    links: Sequence[Link], before: datetime, times: Callable[[Step], Sequence[datetime]], now: datetime
) -> bool:
    if not links:
        return True
    link, *rest = links
    if link.step is None:
        late = any(before < moment <= now for absent in link.without for moment in times(absent))
        return before + timedelta(seconds=link.after) <= now and not late
    return any(_follows(link, before, moment, times) and _goes_on(rest, moment, times, now)
               for moment in times(link.step))  # fmt: skip


def _follows(link: Link, before: datetime, moment: datetime, times: Callable[[Step], Sequence[datetime]]) -> bool:
    apart = moment - before
    return (
        apart > timedelta(0)
        and apart >= timedelta(seconds=link.after)
        and (link.before is None or apart < timedelta(seconds=link.before))
        and not any(before < between < moment for absent in link.without for between in times(absent))
    )


def turning_moments(leaf: SequenceLeaf, moments: Iterable[datetime]) -> Iterator[datetime]:
    """When an event of these moments could change the answer: as it happens, once it has waited, and as it ends."""
    waits = sorted({0, leaf.within.seconds, *(link.after for link in links_of(leaf) if link.step is None)})
    for moment in moments:
        for seconds in waits:
            yield moment + timedelta(seconds=seconds)


# -- said ------------------------------------------------------------------------------------------------------------
def sequence_sentence(leaf: SequenceLeaf, *, condition: Callable[[Condition], str]) -> str:
    """The sequence as a clause; `condition` says a where."""
    last = len(leaf.steps) - 1
    told = [_said(step, index, index == last, condition) for index, step in enumerate(leaf.steps)]
    return f"in the last {leaf.within.said_last} there was {', '.join(told)}"


def _said(step: Step, index: int, is_last: bool, condition: Callable[[Condition], str]) -> str:
    what = f"“{step.event}”" if step.where is None else f"“{step.event}” where {condition(step.where)}"
    if index == 0:
        return what
    if step.absent:
        span = f" for at least {step.within.said}" if step.within is not None else ""
        return f"then no {what}{span}{' up to now' if is_last else ''}"
    return f"then {what}" if step.within is None else f"then within {step.within.said} {what}"
