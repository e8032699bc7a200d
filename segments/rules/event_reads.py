"""What the leaves about events of one name read: which events, with which condition, and how far back."""

from collections.abc import Iterator
from datetime import tzinfo

from profiles.facts.relations import History
from profiles.facts.values import instant
from segments.rules.nodes import EventNode, LifecycleLeaf, Period, TrendLeaf, Within
from segments.rules.selecting import Selection
from segments.rules.vocabulary import Lifecycle


def selections_of(leaf: EventNode) -> Iterator[Selection]:
    """The events that `leaf` looks at, at whatever time they were."""
    yield Selection(leaf.event, leaf.where)
    if isinstance(leaf, LifecycleLeaf) and leaf.not_since is not None:
        yield Selection(leaf.not_since.event, leaf.not_since.where)


def property_of(leaf: EventNode) -> str | None:
    """The property that is measured."""
    return None if isinstance(leaf, LifecycleLeaf) else leaf.of


def event_histories(leaf: EventNode, zone: tzinfo) -> Iterator[History]:
    """How far back which events are read. What counts since the latest lies in the window of the latest, or after."""
    for selection in selections_of(leaf):
        match leaf:
            case TrendLeaf():
                yield History(selection.event, seconds=2 * leaf.window.seconds)
            case LifecycleLeaf(lifecycle=Lifecycle.FIRST_TIME | Lifecycle.RETURNED):
                yield History(selection.event, all_time=True)
            case _:
                yield _history(selection.event, leaf.window, zone)


def _history(event: str, window: Within | Period | None, zone: tzinfo) -> History:
    match window:
        case Within():
            return History(event, seconds=window.seconds)
        case Period(start=str() as start):
            return History(event, since=instant(start, zone=zone))
        case _:
            return History(event, all_time=True)
