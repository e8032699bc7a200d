"""Repeated windows: how many times something came about, rather than whether it is so now. Read, meant and said.

Sessions are counted themselves. An event leaf came about whenever it became true after it had not been: three page
views within ten minutes, kept up for an hour, are one time; a pause in which the window empties makes the next one
another time. So occurrences never overlap, whatever the comparison, and each has a moment.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from segments.rules.language import REPEATABLE, REPEATABLE_MEASURES
from segments.rules.nodes import EventLeaf, Node, RepeatedLeaf, SessionLeaf, Test, Within
from segments.rules.problems import noun, words
from segments.rules.sessions import repeated_sessions
from segments.rules.shapes import Broken, Parts
from segments.rules.thresholds import threshold_of
from segments.rules.vocabulary import MOST_TIMES, SessionMeasure

_TICK = timedelta(microseconds=1)


# -- read ------------------------------------------------------------------------------------------------------------
def repeated_leaf(
    parts: Parts, raw: Mapping[str, Any], path: str, *, child: Callable[[Any, str], Any]
) -> RepeatedLeaf | Broken:
    """Read a repetition; `child` reads what is repeated. Every problem of its shape goes to `parts`."""
    times = _times(parts, raw, path)
    within = None
    if "within" in raw:
        within = parts.duration(raw["within"], f"{path}.within")
    else:
        parts.refuse(path, 'A repetition needs "within", the time in which it is counted, such as "1d".')
    leaf = _repeated(parts, raw["repeated"], f"{path}.repeated", child)
    if times is None or within is None or leaf is None:
        return Broken()
    return RepeatedLeaf(leaf, times, within)


def _times(parts: Parts, raw: Mapping[str, Any], path: str) -> int | None:
    times = raw.get("times")
    if isinstance(times, int) and not isinstance(times, bool) and 1 <= times <= MOST_TIMES:
        return times
    wanted = f'"times" is a whole number from 1 to {MOST_TIMES:,}'
    parts.refuse(f"{path}.times" if "times" in raw else path, f"{wanted}: at least so many.")
    return None


def _repeated(parts: Parts, raw: Any, path: str, child: Callable[[Any, str], Any]) -> EventLeaf | SessionLeaf | None:
    if not isinstance(raw, Mapping) or not any(kind in raw for kind in REPEATABLE):
        what = "this" if isinstance(raw, Mapping) else noun(raw)
        parts.refuse(
            path, f'"repeated" takes a rule about {words([f"one {kind}" for kind in REPEATABLE])}, not {what}.'
        )
        return None
    leaf = child(raw, path)
    match leaf:
        case SessionLeaf():
            return leaf if _is_repeatable_session(parts, leaf, path) else None
        case EventLeaf():
            return leaf if _is_repeatable_event(parts, leaf, path) else None
        case _:
            return None


def _is_repeatable_session(parts: Parts, leaf: SessionLeaf, path: str) -> bool:
    if leaf.within is not None:
        parts.refuse(f"{path}.within", "Sessions are counted in the repetition's own within; leave this one out.")
    if leaf.measure is SessionMeasure.COUNT:
        parts.refuse(f"{path}.measure", 'A number of sessions is not repeated; ask for the "count" by itself.')
    return leaf.within is None and leaf.measure is not SessionMeasure.COUNT


def _is_repeatable_event(parts: Parts, leaf: EventLeaf, path: str) -> bool:
    found = len(parts.problems)
    if leaf.measure not in REPEATABLE_MEASURES:
        parts.refuse(f"{path}.measure", f"Only {words(REPEATABLE_MEASURES)} can be repeated, not {leaf.measure}.")
    if not isinstance(leaf.window, Within):
        parts.refuse(path, 'What is repeated needs a "within" of its own, such as "10m".')
    if threshold_of(leaf.test.value) is not None:
        parts.refuse(f"{path}.value", "What is repeated is compared with fixed values, not with the population.")
    return len(parts.problems) == found


# -- meant -----------------------------------------------------------------------------------------------------------
def became_true(
    leaf: RepeatedLeaf, *, moments: Iterable[datetime], truth: Callable[[datetime], bool | None], now: datetime
) -> int:
    """How often the event leaf became true in the window; `truth` is its answer at a moment."""
    since = now - timedelta(seconds=leaf.within.seconds)
    changes = {at for moment in moments for at in _changes(leaf, moment) if since < at <= now}
    return sum(truth(at) is True and truth(at - _TICK) is not True for at in changes)


def repeated_moments(leaf: RepeatedLeaf, moments: Iterable[datetime]) -> Iterator[datetime]:
    """When an event of these moments could change the answer: where the leaf turns, and as that leaves the window."""
    for moment in moments:
        for at in _changes(leaf, moment):
            yield at
            yield at + timedelta(seconds=leaf.within.seconds)


def _changes(leaf: RepeatedLeaf, moment: datetime) -> tuple[datetime, ...]:
    assert isinstance(leaf.leaf, EventLeaf) and isinstance(leaf.leaf.window, Within)
    return moment, moment + timedelta(seconds=leaf.leaf.window.seconds)


# -- said ------------------------------------------------------------------------------------------------------------
def repeated_sentence(leaf: RepeatedLeaf, *, said: Callable[[Node], str], amount: Callable[[Test], str]) -> str:
    """The repetition as a clause; `said` says what is repeated, `amount` a comparison."""
    if isinstance(leaf.leaf, SessionLeaf):
        return repeated_sessions(leaf.leaf, times=leaf.times, within=leaf.within, amount=amount)
    times = "once" if leaf.times == 1 else f"{leaf.times} times"
    return f"at least {times} in the last {leaf.within.said_last} it became true that {said(leaf.leaf)}"
