"""The leaves about a course of events in plain Python, for the reference: by trying everything."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from profiles.facts.people import Event
from segments.rules.course_reads import Looked, looked_at, session_of
from segments.rules.logic import Truth
from segments.rules.nodes import CourseLeaf, EventLeaf, Node, RepeatedLeaf, SequenceLeaf, Test
from segments.rules.repetitions import became_true, repeated_moments
from segments.rules.selecting import Selects
from segments.rules.sequences import holds, turning_moments
from segments.rules.sessions import how_many, is_of, operands_of, session_moments
from segments.rules.vocabulary import SessionMeasure


@dataclass(frozen=True, slots=True)
class Answers:
    """What the reference knows of a person: their events, which of them count, other answers, and how to compare."""

    events: Sequence[Event]
    counted: Callable[[Selects, datetime], list[Event]]
    truth: Callable[[Node, datetime], Truth]
    compared: Callable[[Test, Decimal, tuple[Decimal, ...]], bool]


def course_holds(leaf: CourseLeaf, answers: Answers, now: datetime) -> bool:
    """Whether the leaf is true at `now`; it is never unknown."""
    if isinstance(leaf, SequenceLeaf):
        return holds(
            leaf,
            times=lambda step: [event.ts for event in answers.counted(Looked("", step.event, step.where), now)],
            now=now,
        )
    if isinstance(leaf, RepeatedLeaf):
        return _times(leaf, answers, now) >= leaf.times
    found = Decimal(_sessions(leaf, answers, now))
    if leaf.measure is SessionMeasure.COUNT:
        return answers.compared(leaf.test, found, operands_of(leaf.test))
    return found >= 1


def course_moments(leaf: CourseLeaf, events: Iterable[Event]) -> Iterator[datetime]:
    """When time alone, or an event to come, could change the leaf's answer."""
    session, names = session_of(leaf), {looked.event for looked in looked_at(leaf)}
    if session is not None:
        assert leaf.within is not None
        own = [event.ts for event in events if is_of(session, event.name)]
        return session_moments(session, leaf.within, own)
    moments = [event.ts for event in events if event.name in names]
    if isinstance(leaf, SequenceLeaf):
        return turning_moments(leaf, moments)
    assert isinstance(leaf, RepeatedLeaf)
    return repeated_moments(leaf, moments)


def _times(leaf: RepeatedLeaf, answers: Answers, now: datetime) -> int:
    repeated = leaf.leaf
    if not isinstance(repeated, EventLeaf):
        return _sessions(leaf, answers, now)
    return became_true(
        leaf,
        moments=[event.ts for event in answers.events if event.name == repeated.event],
        truth=lambda at: answers.truth(repeated, at),
        now=now,
    )


def _sessions(leaf: CourseLeaf, answers: Answers, now: datetime) -> int:
    session = session_of(leaf)
    assert session is not None and leaf.within is not None
    return how_many(
        session,
        events=[(event.name, event.ts) for event in answers.events],
        within=leaf.within,
        now=now,
        fits=lambda value: answers.compared(session.test, value, operands_of(session.test)),
    )
