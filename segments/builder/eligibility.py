"""What a rule would cost if it were kept: part by part, measured and not guessed.

Each part is judged by itself, by the statement a lane would run, over a few hundred people picked at random
(`segments.costs` times the live rules in the same way). The same rows tell how many of these people time alone would
bring back within a day; what is read comes from the compiler's own list of what it reads.
"""

import enum
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from profiles.facts.relations import EVERY_EVENT, ContextColumn, History, PropertyColumn, Reading
from profiles.models import EventDefinition
from segments import costs
from segments.builder.bounds import TookTooLong, at_most
from segments.judging import compiled
from segments.rules.compiler import Compiled
from segments.rules.course_reads import ANY_EVENT
from segments.rules.nodes import Leaf, Rule, leaves_of
from segments.rules.sentences import sentence
from segments.rules.vocabulary import Catalogue

#: For the whole report; parts that do not fit into it are told as not measured.
SECONDS = 3.0
_SOON = timedelta(days=1)
#: Milliseconds for 1,000 people. A lane judges about that many in a claim and is asked for an answer within a second
#: or two, so a part of a tenth of a second is already felt where some dozen rules are alike.
_LIGHT, _FAIR = 25.0, 100.0
_EVENT = "event:"
_ANY_NAME = ANY_EVENT.removeprefix(_EVENT)
_DAY = 86_400
#: What other apps contribute about people, in words; until when a consent runs is read along with it.
_EXTRAS = {"consent": "consent to", "list": "the list"}
_COUNT = """
SELECT count(*), count(due) FILTER (WHERE due <= %(soon)s), count(due)
  FROM (SELECT {due} AS due FROM ({sql}) judged) dues
"""


class Grade(enum.StrEnum):
    LIGHT = "light"
    FAIR = "fair"
    HEAVY = "heavy"
    UNMEASURED = "unmeasured"


@dataclass(frozen=True, slots=True)
class LeafCost:
    """One part: `milliseconds` for 1,000 people, None where the time was over; `soon` of 1,000 are due in a day."""

    path: str
    sentence: str
    milliseconds: float | None
    soon: float | None
    rechecks: str
    reads: tuple[str, ...]

    @property
    def grade(self) -> Grade:
        if self.milliseconds is None:
            return Grade.UNMEASURED
        return Grade.LIGHT if self.milliseconds < _LIGHT else Grade.FAIR if self.milliseconds < _FAIR else Grade.HEAVY


@dataclass(frozen=True, slots=True)
class Report:
    """Every part with its cost; `people` is how many they were measured over."""

    people: int
    leaves: tuple[LeafCost, ...]
    summary: str


@dataclass(frozen=True, slots=True)
class _Measured:
    milliseconds: float
    soon: float
    is_timed: bool


def report(*, rule: Rule, catalogue: Catalogue, now: datetime, seconds: float = SECONDS) -> Report:
    """Measure each part of a rule that fits the catalogue."""
    people = costs.some_people()
    found = list(leaves_of(rule))
    measured: dict[Leaf, _Measured | None] = {}
    rates = _rates(now)
    ends = time.monotonic() + seconds
    leaves = []
    for path, leaf in found:
        statement = compiled({"part": leaf}, catalogue=catalogue, leaves=False)
        if leaf not in measured:
            measured[leaf] = _measured(statement, people, now=now, seconds=ends - time.monotonic())
        leaves.append(_told(path, leaf, statement, measured[leaf], rates))
    return Report(len(people), tuple(leaves), _summary(leaves, len(people)))


def _measured(statement: Compiled, people: Sequence[int], *, now: datetime, seconds: float) -> _Measured | None:
    """What the people cost beyond what the statement costs for one of them, which a lane pays once for all rules."""
    if not people or seconds <= 0:
        return None
    sql = _COUNT.format(due=statement.dues["part"], sql=statement.sql)
    try:
        with at_most(seconds):
            alone, _ = _timed(sql, people[:1], now=now)
            together, (judged, soon, timed) = _timed(sql, people, now=now)
    except TookTooLong:
        return None
    each = max(0.0, together - alone) / max(1, len(people) - 1)
    return _Measured(1_000_000 * each, 1000 * soon / max(1, judged), timed > 0)


def _timed(sql: str, people: Sequence[int], *, now: datetime) -> tuple[float, tuple[int, int, int]]:
    """Return the shorter of two runs: the first may have had to fetch pages that a lane finds in memory."""
    best, counts = float("inf"), (0, 0, 0)
    with connection.cursor() as cursor:
        for _ in range(2):
            started = time.perf_counter()
            cursor.execute(sql, {"ids": list(people), "now": now, "soon": now + _SOON})
            counts = cursor.fetchone()
            best = min(best, time.perf_counter() - started)
    return best, counts


def _told(
    path: str, leaf: Leaf, statement: Compiled, measured: _Measured | None, rates: Mapping[str, float]
) -> LeafCost:
    touches = statement.reads["part"]
    return LeafCost(
        path=path,
        sentence=sentence(leaf),
        milliseconds=measured.milliseconds if measured else None,
        soon=measured.soon if measured else None,
        rechecks=_rechecks(measured, touches, rates),
        reads=tuple(_reads(statement.reading)),
    )


def _rechecks(measured: _Measured | None, touches: frozenset[str], rates: Mapping[str, float]) -> str:
    events = sorted(key.removeprefix(_EVENT) for key in touches if key.startswith(_EVENT))
    known = [rates[name] for name in events if name in rates]
    by_events = f"with each {_listed(events)}" if events else "when what it reads changes"
    if known:
        by_events += f", about {_round(sum(known))} a day"
    if measured is None:
        return f"{by_events[0].upper()}{by_events[1:]}; how often by time was not measured."
    if not measured.is_timed:
        return f"{by_events[0].upper()}{by_events[1:]}; never by time alone."
    return f"{by_events[0].upper()}{by_events[1:]}; by time, {_round(measured.soon)} of 1,000 people within a day."


def _reads(reading: Reading) -> Iterator[str]:
    properties: dict[str, list[str]] = {}
    circumstances: list[str] = []
    for column in reading.properties:
        if isinstance(column, PropertyColumn):
            properties.setdefault(column.event, []).append(column.key)
        elif isinstance(column, ContextColumn):
            circumstances.append(column.context)
    for trait in dict.fromkeys(column.trait for column in reading.traits):
        yield f"the trait “{trait}”"
    for history in reading.histories:
        beside = [*properties.get(history.event, ()), *circumstances]
        what = "events of any name" if history.event == EVERY_EVENT else f"“{history.event}”"
        yield f"{what} {_reach(history)}" + (f", with {', '.join(dict.fromkeys(beside))}" if beside else "")
    for extra in reading.extras:
        kind, _, name = extra.name.partition(":")
        if kind in _EXTRAS:
            yield f"{_EXTRAS[kind]} {name}"


def _reach(history: History) -> str:
    if history.all_time:
        return "of all time"
    spans = []
    if history.seconds is not None:
        spans.append(f"of the last {_span(history.seconds)}")
    if history.since is not None:
        spans.append(f"since {history.since:%Y-%m-%d}")
    return " and ".join(spans)


def _span(seconds: int) -> str:
    for size, noun in ((_DAY, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds % size == 0:
            return f"{seconds // size} {noun}{'' if seconds == size else 's'}"
    return f"{seconds} seconds"


def _rates(now: datetime) -> dict[str, float]:
    """Events a day by name, over the time for which each has been known."""
    known = EventDefinition.objects.filter(first_seen_at__lt=now).values_list("name", "count", "first_seen_at")
    return {name: count / max(1.0, (now - since).total_seconds() / _DAY) for name, count, since in known if since}


def _summary(leaves: Sequence[LeafCost], people: int) -> str:
    if not people:
        return "Nobody is known yet, so nothing could be measured."
    timed = [leaf for leaf in leaves if leaf.milliseconds is not None]
    if not timed:
        return "The time was over before any part could be measured: this rule is heavy."
    together = sum(leaf.milliseconds or 0.0 for leaf in timed)
    dearest = max(timed, key=lambda leaf: leaf.milliseconds or 0.0)
    parts = f"{len(leaves)} part{'' if len(leaves) == 1 else 's'}, {_round(together)} ms for 1,000 people together"
    if len(timed) < 2:
        return f"{parts}."
    share = round(100 * (dearest.milliseconds or 0.0) / together) if together else 0
    return f"{parts}; {share} % of it for: {dearest.sentence}."


def _listed(names: Sequence[str]) -> str:
    told = [f"“{name}”" if name != _ANY_NAME else "event" for name in names]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} or {told[-1]}"


def _round(number: float) -> str:
    return f"{number:,.1f}" if 0 < number < 10 else f"{number:,.0f}"
