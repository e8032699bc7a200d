"""What the leaves about a course of events read: sequences, sessions, repetitions."""

from collections.abc import Iterator
from dataclasses import dataclass

from profiles.facts.relations import EVERY_EVENT, History
from segments.rules.nodes import Condition, CourseLeaf, EventLeaf, RepeatedLeaf, SequenceLeaf, SessionLeaf, Within

#: The touch key of whatever somebody does.
ANY_EVENT = "event:*"


@dataclass(frozen=True, slots=True)
class Looked:
    """Events that a leaf looks at, where it says so: their name and a condition on each."""

    path: str
    event: str
    where: Condition | None = None
    window: None = None


def looked_at(leaf: CourseLeaf, path: str = "") -> Iterator[Looked]:
    """The events that `leaf` names."""
    match leaf:
        case SequenceLeaf(steps):
            yield from (Looked(f"{path}.sequence[{index}]", step.event, step.where) for index, step in enumerate(steps))
        case SessionLeaf(events=events):
            yield from (Looked(f"{path}.session.events[{index}]", name) for index, name in enumerate(events))
        case RepeatedLeaf(EventLeaf() as repeated):
            yield Looked(f"{path}.repeated", repeated.event, repeated.where)
        case RepeatedLeaf(SessionLeaf() as repeated):
            yield from looked_at(repeated, f"{path}.repeated")


def course_keys(leaf: CourseLeaf) -> frozenset[str]:
    """The touch keys of the events."""
    session = session_of(leaf)
    if session is not None and not session.events:
        return frozenset({ANY_EVENT})
    return frozenset(f"event:{looked.event}" for looked in looked_at(leaf))


def course_histories(leaf: CourseLeaf) -> Iterator[History]:
    """How far back which events are read."""
    session = session_of(leaf)
    if session is not None and not session.events:
        yield History(EVERY_EVENT, seconds=reach_of(leaf))
    else:
        yield from (History(looked.event, seconds=reach_of(leaf)) for looked in looked_at(leaf))


def reach_of(leaf: CourseLeaf) -> int:
    """The seconds that decide: the window and, where something may have begun before it, what tells that it did not."""
    assert leaf.within is not None
    session = session_of(leaf)
    if session is not None:
        return leaf.within.seconds + session.gap.seconds
    if isinstance(leaf, RepeatedLeaf) and isinstance(leaf.leaf, EventLeaf) and isinstance(leaf.leaf.window, Within):
        return leaf.within.seconds + leaf.leaf.window.seconds
    return leaf.within.seconds


def session_of(leaf: CourseLeaf) -> SessionLeaf | None:
    """The sessions that a leaf is about, if it is about sessions."""
    repeated = leaf.leaf if isinstance(leaf, RepeatedLeaf) else leaf
    return repeated if isinstance(repeated, SessionLeaf) else None
