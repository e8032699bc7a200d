"""What a rule reads: the touch keys that can change it, and the columns and histories of the relations."""

from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo

from profiles.facts.contexts import CLOCKS, LAST_TIME_ZONE
from profiles.facts.relations import (
    ContextColumn,
    EventColumn,
    ExtraColumn,
    PropertyColumn,
    Reading,
    TraitColumn,
)
from segments.rules.course_reads import course_histories, course_keys, looked_at
from segments.rules.event_reads import event_histories, property_of, selections_of
from segments.rules.nodes import (
    Condition,
    ConsentLeaf,
    ContextLeaf,
    CourseLeaf,
    EventLeaf,
    EventNode,
    LifecycleLeaf,
    ListLeaf,
    PropertyLeaf,
    RepeatedLeaf,
    Rule,
    SequenceLeaf,
    SessionLeaf,
    TraitLeaf,
    TrendLeaf,
    leaves_of,
)
from segments.rules.vocabulary import PRESENCE, Catalogue

ConsentColumns = Callable[[str], Iterable[ExtraColumn]]
ListColumns = Callable[[str], Iterable[ExtraColumn]]

#: An event that named no time zone is read on the person's last known clock.
CLOCK_KEYS = frozenset({f"trait:{LAST_TIME_ZONE}"})
#: A new name of any type may be one that a list has been waiting for.
NEW_IDENTIFIER = "identifier:"


def touch_keys(rule: Rule) -> frozenset[str]:
    """What can change a resolved rule's answer for a person: `event:<name>`, `trait:<name>`, `consent:<purpose>`.

    Who is on a list changes with the list, `list:<key>`, and with the person's names, `identifier:`.
    """
    keys = set()
    for _, leaf in leaves_of(rule):
        match leaf:
            case TraitLeaf(trait):
                keys.add(f"trait:{trait}")
            case EventLeaf() | LifecycleLeaf() | TrendLeaf():
                for looked in selections_of(leaf):
                    keys |= {f"event:{looked.event}", *clock_keys(looked.where)}
            case SequenceLeaf() | SessionLeaf() | RepeatedLeaf():
                keys |= course_keys(leaf).union(*(clock_keys(looked.where) for looked in looked_at(leaf)))
            case ConsentLeaf(purpose):
                keys.add(f"consent:{purpose}")
            case ListLeaf(key):
                keys |= {list_key(key), NEW_IDENTIFIER}
    return frozenset(keys)


def clock_keys(condition: Condition | None) -> frozenset[str]:
    """What else changes the answer of an event's condition: whose clock counts, where it asks for a local time."""
    leaves = leaves_of(condition) if condition is not None else ()
    clocks = (leaf.context for _, leaf in leaves if isinstance(leaf, ContextLeaf) and leaf.context in CLOCKS)
    return CLOCK_KEYS if any(clocks) else frozenset()


def list_key(key: str) -> str:
    """The touch key of those who came onto a list or went from it."""
    return f"list:{key}"


def reading_of(
    rules: Iterable[Rule],
    *,
    catalogue: Catalogue,
    zone: tzinfo,
    consent_columns: ConsentColumns | None,
    list_columns: ListColumns | None = None,
) -> Reading:
    """Everything that `rules` read, once."""
    leaves = {leaf for rule in rules for _, leaf in leaves_of(rule)}
    events = [leaf for leaf in leaves if isinstance(leaf, EventNode)]
    courses = [leaf for leaf in leaves if isinstance(leaf, SequenceLeaf | SessionLeaf | RepeatedLeaf)]
    return Reading.of(
        traits=(trait_column(leaf, catalogue=catalogue) for leaf in leaves if isinstance(leaf, TraitLeaf)),
        extras=(
            *_extras({leaf.purpose for leaf in leaves if isinstance(leaf, ConsentLeaf)}, consent_columns),
            *_listed({leaf.list for leaf in leaves if isinstance(leaf, ListLeaf)}, list_columns),
        ),
        properties=(
            *(column for leaf in events for column in _property_columns(leaf, catalogue)),
            *(column for leaf in courses for column in _course_columns(leaf, catalogue)),
        ),
        histories=(
            *(history for leaf in events for history in event_histories(leaf, zone)),
            *(history for leaf in courses for history in course_histories(leaf)),
        ),
    )


def trait_column(leaf: TraitLeaf, *, catalogue: Catalogue) -> TraitColumn:
    """The column that decides `leaf`: the typed value, or whether there is any value."""
    return TraitColumn(leaf.trait, catalogue.traits[leaf.trait], presence=leaf.test.op in PRESENCE)


def property_column(event: str, leaf: PropertyLeaf | ContextLeaf, *, catalogue: Catalogue) -> EventColumn:
    """The column that decides one condition on an event."""
    if isinstance(leaf, ContextLeaf):
        return ContextColumn(leaf.context, presence=leaf.test.op in PRESENCE)
    value_type = catalogue.properties[event, leaf.property]
    return PropertyColumn(event, leaf.property, value_type, presence=leaf.test.op in PRESENCE)


def of_column(leaf: EventNode, *, catalogue: Catalogue) -> PropertyColumn:
    """The property that is measured."""
    of = property_of(leaf) or ""
    return PropertyColumn(leaf.event, of, catalogue.properties[leaf.event, of])


def consent_names(purpose: str) -> tuple[str, str]:
    """The people columns of a purpose: granted or not, and until when."""
    return f"consent:{purpose}", f"consent_until:{purpose}"


def _property_columns(leaf: EventNode, catalogue: Catalogue) -> Iterator[EventColumn]:
    if property_of(leaf) is not None:
        yield of_column(leaf, catalogue=catalogue)
    for looked in selections_of(leaf):
        yield from _condition_columns(looked.event, looked.where, catalogue)


def _course_columns(leaf: CourseLeaf, catalogue: Catalogue) -> Iterator[EventColumn]:
    if isinstance(leaf, RepeatedLeaf) and isinstance(leaf.leaf, EventLeaf):
        yield from _property_columns(leaf.leaf, catalogue)
    for looked in looked_at(leaf):
        yield from _condition_columns(looked.event, looked.where, catalogue)


def _condition_columns(event: str, where: Condition | None, catalogue: Catalogue) -> Iterator[EventColumn]:
    for _, condition in leaves_of(where) if where is not None else ():
        if isinstance(condition, PropertyLeaf | ContextLeaf):
            yield property_column(event, condition, catalogue=catalogue)


def _extras(purposes: Iterable[str], consent_columns: ConsentColumns | None) -> Iterator[ExtraColumn]:
    for purpose in purposes:
        if consent_columns is None:
            raise ValueError(f"a rule reads consent to {purpose}: pass consent_columns")
        yield from consent_columns(purpose)


def list_name(key: str) -> str:
    """The people column of a list: on it or not."""
    return f"list:{key}"


def _listed(keys: Iterable[str], list_columns: ListColumns | None) -> Iterator[ExtraColumn]:
    for key in keys:
        if list_columns is None:
            raise ValueError(f"a rule reads the list {key}: pass list_columns")
        yield from list_columns(key)
