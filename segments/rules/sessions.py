"""Sessions: what somebody did without a longer pause. Read, meant and said.

A session begins with an event before which there was none for the gap, and goes on until the next such pause. It lies
in the window in which it began: so much of the past can be read with certainty, wherever the window starts. It is
judged as far as it has come; `ended` counts it only once the gap has gone by, when nothing can be added to it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from segments.rules.language import OPERATORS_OF_RESULT, SESSION_FIELDS, SESSION_MEASURES, Result
from segments.rules.nodes import SessionLeaf, Test, Within
from segments.rules.problems import noun, shown, suggestion, words
from segments.rules.shapes import Broken, Parts
from segments.rules.vocabulary import MAX_CHOICES, Op, SessionMeasure

#: How page and screen calls are stored: what `pages` counts.
PAGES = ("Page Viewed", "Screen Viewed")
#: Names of calls that tell who somebody is, and are nothing that they did, begin so.
TELLING = "$"

_FIELDS = frozenset(field.name for field in SESSION_FIELDS)
_ONE = Decimal(1)


# -- read ------------------------------------------------------------------------------------------------------------
def session_leaf(parts: Parts, raw: Mapping[str, Any], path: str) -> SessionLeaf | Broken:
    """Read a session leaf; every problem of its shape goes to `parts`. A missing "within" is the caller's matter."""
    told = _session(parts, raw["session"], f"{path}.session")
    measure = _measure(parts, raw, path)
    test = None if measure is None else _test(parts, raw, measure, path)
    within = parts.duration(raw["within"], f"{path}.within") if "within" in raw else None
    if isinstance(told, Broken) or measure is None or test is None or (within is None and "within" in raw):
        return Broken()
    gap, events, ended = told
    return SessionLeaf(gap, measure, test, within, events, ended)


def sessions(parts: Parts, raw: Mapping[str, Any], path: str) -> SessionLeaf | Broken:
    """Read a session leaf that stands by itself, and so has to say in which window."""
    leaf = session_leaf(parts, raw, path)
    if "within" not in raw:
        return parts.refuse(path, 'A session rule needs "within", the time in which the sessions began, such as "1d".')
    return leaf


def _session(parts: Parts, raw: Any, path: str) -> tuple[Within, tuple[str, ...], bool] | Broken:
    if not isinstance(raw, Mapping) or "gap" not in raw:
        return parts.refuse(path, '"session" is an object with a "gap", the pause that ends one, such as "30m".')
    parts.only(raw, _FIELDS, "session", path)
    gap = parts.duration(raw["gap"], f"{path}.gap")
    events = _events(parts, raw.get("events", ()), f"{path}.events")
    ended = raw.get("ended", False)
    if not isinstance(ended, bool):
        return parts.refuse(f"{path}.ended", f'"ended" is true or false, not {noun(ended)}.')
    if gap is None or events is None:
        return Broken()
    return gap, events, ended


def _events(parts: Parts, raw: Any, path: str) -> tuple[str, ...] | None:
    if not isinstance(raw, list | tuple) or len(raw) > MAX_CHOICES:
        parts.refuse(path, f'"events" takes a list of names, {MAX_CHOICES:,} at most; leave it out for all events.')
        return None
    names = [parts.name({"events": name}, "events", path.removesuffix(".events")) for name in raw]
    return None if None in names else tuple(dict.fromkeys(name for name in names if name is not None))


def _measure(parts: Parts, raw: Mapping[str, Any], path: str) -> SessionMeasure | None:
    known = list(SESSION_MEASURES)
    if raw.get("measure") in known:
        return SessionMeasure(raw["measure"])
    if "measure" not in raw:
        parts.refuse(path, f'A session rule needs "measure": {words(known)}.')
    else:
        hint = suggestion(str(raw["measure"]), known)
        told = f"{shown(raw['measure'])} is not a measure of sessions; use {words(known)}{hint}"
        parts.refuse(f"{path}.measure", told)
    return None


def _test(parts: Parts, raw: Mapping[str, Any], measure: SessionMeasure, path: str) -> Test | None:
    result = SESSION_MEASURES[measure][1]
    ops = OPERATORS_OF_RESULT[result]
    if raw.get("op") in [str(op) for op in Op] and raw["op"] not in ops:
        told = f'The {measure} of sessions cannot be asked "{raw["op"]}"; it can be asked {", ".join(ops)}.'
        parts.refuse(f"{path}.op", told)
        return None
    if isinstance(raw.get("value"), Mapping):
        parts.refuse(f"{path}.value", "Sessions are compared with fixed values, not with the population.")
        return None
    test = parts.test(raw, path, operand=parts.duration if result is Result.DURATION else parts.literal)
    if test is None:
        return None
    if result is not Result.DURATION and (wrong := _not_whole(test)) is not None:
        parts.refuse(f"{path}.value", f"The {measure} is compared with whole numbers from 0 up, not with {wrong}.")
        return None
    if test.op is Op.BETWEEN and operands_of(test)[0] > operands_of(test)[1]:
        parts.refuse(f"{path}.value", '"between" takes the lower value first.')
        return None
    return test


def _not_whole(test: Test) -> str | None:
    for value in test.value if isinstance(test.value, tuple) else (test.value,):
        if not isinstance(value, Decimal):
            return shown(value)
        if value < 0 or value != value.to_integral_value():
            return f"{value.normalize():f}"
    return None


# -- meant -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Session:
    """From the first event to the latest, with its pages and everything else that was done."""

    starts: datetime
    ends: datetime
    pages: int
    others: int

    def measured(self, measure: SessionMeasure) -> Decimal:
        match measure:
            case SessionMeasure.DURATION:
                return Decimal((self.ends - self.starts) // timedelta(microseconds=1)) / 1_000_000
            case SessionMeasure.PAGES:
                return Decimal(self.pages)
            case SessionMeasure.ENGAGEMENT:
                return Decimal(self.others)
            case _:
                return _ONE


def operands_of(test: Test) -> tuple[Decimal, ...]:
    """What a session is compared with: numbers, and durations as seconds."""
    written: tuple[Any, ...] = test.value if isinstance(test.value, tuple) else (test.value,)
    return tuple(Decimal(value.seconds) if isinstance(value, Within) else value for value in written)


def is_of(leaf: SessionLeaf, event: str) -> bool:
    """Whether events of this name belong to the leaf's sessions."""
    return event in leaf.events if leaf.events else not event.startswith(TELLING)


def how_many(
    leaf: SessionLeaf,
    *,
    events: Iterable[tuple[str, datetime]],
    within: Within,
    now: datetime,
    fits: Callable[[Decimal], bool],
) -> int:
    """How many sessions that began in the last `within` are as the leaf wants them; for a count, all of them."""
    gap, since = timedelta(seconds=leaf.gap.seconds), now - timedelta(seconds=within.seconds)
    return sum(
        since < session.starts
        and (not leaf.ended or session.ends + gap <= now)
        and (leaf.measure is SessionMeasure.COUNT or fits(session.measured(leaf.measure)))
        for session in _sessions(leaf, events, now)
    )


def _sessions(leaf: SessionLeaf, events: Iterable[tuple[str, datetime]], now: datetime) -> Iterator[Session]:
    moments = sorted((at, name in PAGES) for name, at in events if at <= now and is_of(leaf, name))
    begun: list[tuple[datetime, bool]] = []
    for at, is_page in moments:
        if begun and at - begun[-1][0] >= timedelta(seconds=leaf.gap.seconds):
            yield _session_of(begun)
            begun = []
        begun.append((at, is_page))
    if begun:
        yield _session_of(begun)


def _session_of(moments: list[tuple[datetime, bool]]) -> Session:
    pages = sum(is_page for _, is_page in moments)
    return Session(moments[0][0], moments[-1][0], pages, len(moments) - pages)


def session_moments(leaf: SessionLeaf, within: Within, moments: Iterable[datetime]) -> Iterator[datetime]:
    """When an event of these moments could change the answer: at once, as the pause is over, as its session leaves."""
    for moment in moments:
        for seconds in (0, leaf.gap.seconds, within.seconds):
            yield moment + timedelta(seconds=seconds)


# -- said ------------------------------------------------------------------------------------------------------------
def session_sentence(leaf: SessionLeaf, *, amount: Callable[[Test], str]) -> str:
    """The leaf as a clause; `amount` says a comparison ("more than 3")."""
    told = "" if leaf.within is None else f" in the last {leaf.within.said_last}"
    if leaf.measure is not SessionMeasure.COUNT:
        return f"a {_which(leaf, amount, 'session')} began{told}{_pause(leaf)}"
    counted = amount(leaf.test).replace("less than", "fewer than")
    noun_ = "session" if counted.split()[-1] == "1" else "sessions"
    return f"{counted} {_which(leaf, amount, noun_)} began{told}{_pause(leaf)}"


def repeated_sessions(leaf: SessionLeaf, *, times: int, within: Within, amount: Callable[[Test], str]) -> str:
    """The clause of a session that is repeated."""
    which = _which(leaf, amount, "session" if times == 1 else "sessions")
    return f"at least {times} {which} began in the last {within.said_last}{_pause(leaf)}"


def _which(leaf: SessionLeaf, amount: Callable[[Test], str], noun_: str) -> str:
    named = [f"“{name}”" for name in leaf.events]
    whose = f" of {words(named)}" if named else ""
    kind = f"{'finished ' if leaf.ended else ''}{noun_}{whose}"
    match leaf.measure:
        case SessionMeasure.DURATION:
            return f"{kind} that lasted {amount(leaf.test)}"
        case SessionMeasure.PAGES:
            return f"{kind} with {amount(leaf.test)} pages"
        case SessionMeasure.ENGAGEMENT:
            return f"{kind} with {amount(leaf.test)} interactions other than pages"
        case _:
            return kind


def _pause(leaf: SessionLeaf) -> str:
    return f" (ended by a pause of {leaf.gap.said})"
