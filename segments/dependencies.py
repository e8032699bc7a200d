"""What a live rule depends on besides its own text: the types of what it reads, the zone, the segment's name, the
segments nested in it, the snapshots of its thresholds.

An epoch keeps these as they were when it was published, and the lanes compile from them, not from the catalogue of the
moment. So every process judges alike under one epoch, and a type that changes takes effect as a new epoch or not at
all. A new version of a nested segment, or a threshold that moved, is a new epoch of every rule that holds it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from cdp.governance.content import content_hash
from profiles.facts.values import ValueType
from segments.catalogue import LiveRules, workspace_zone
from segments.content import rule_of
from segments.models import RuleEpoch, SegmentVersion
from segments.rules.checker import check
from segments.rules.course_reads import looked_at
from segments.rules.event_reads import property_of, selections_of
from segments.rules.nodes import (
    Condition,
    ConsentLeaf,
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
from segments.rules.parser import parse
from segments.rules.resolving import closure, resolve, with_taken
from segments.rules.thresholds import Taken
from segments.rules.vocabulary import Catalogue
from segments.thresholds.force import as_json, from_json

_UNKNOWN = "unknown"


def dependencies_of(version: Any, *, catalogue: Catalogue) -> dict[str, Any]:
    """Everything that decides what the lanes write for this version. The name is on every card."""
    rule = resolved(version, catalogue=catalogue)
    held = closure(rule_of(version.content), segments=catalogue.segments)
    nested = {key: live_version(key, catalogue) for key in held}
    taken = {path: as_json(leaf.test.value) for path, leaf in _compared(rule) if isinstance(leaf.test.value, Taken)}
    return {
        "rule": version.content_hash,
        "name": version.head.name,
        "zone": str(workspace_zone()),
        "reads": [list(read) for read in sorted(set(_reads(rule, catalogue)))],
        # Left out where there is none, so that the hash of a rule that has none says the same as ever.
        **({"segments": nested} if nested else {}),
        **({"thresholds": taken} if taken else {}),
    }


def resolved(version: Any, *, catalogue: Catalogue) -> Rule:
    """The version's rule with live segments in the places where it nests them, and its thresholds as they stand."""
    key = version.head.key
    is_live = isinstance(catalogue.segments, LiveRules) and catalogue.segments.version_of(key) == version.pk
    rule = catalogue.segments[key] if is_live else rule_of(version.content)
    return resolve(rule, catalogue=catalogue)


def live_version(key: str, catalogue: Catalogue) -> list[Any]:
    """The live version of a segment and its hash, as dependencies tell them."""
    assert isinstance(catalogue.segments, LiveRules)
    return [catalogue.segments.version_of(key), catalogue.segments.hash_of(key)]


def published_rules(rows: Iterable[RuleEpoch]) -> dict[int, Rule]:
    """The rules as these epochs were published, by epoch: the nested versions and the snapshots of that moment."""
    asked = [row for row in rows if row.version is not None]
    nested = {pk for row in asked for pk, _ in row.dependencies.get("segments", {}).values()}
    documents = dict(SegmentVersion.objects.filter(pk__in=nested).values_list("pk", "content__rule")) if nested else {}
    parsed = {pk: parse(document) for pk, document in documents.items()}
    return {row.epoch: _published(row, parsed) for row in asked}


def still_fits(version: Any, *, catalogue: Catalogue) -> bool:
    """Say whether the live rule can be judged. That a purpose is not live any more does not stand in the way.

    Consent to such a purpose is unknown for everybody, so the members leave; frozen, they would go on being told as
    members on the strength of a consent that nobody may use.
    """
    rule = resolved(version, catalogue=catalogue)
    purposes = {leaf.purpose for _, leaf in leaves_of(rule) if isinstance(leaf, ConsentLeaf)}
    known = replace(catalogue, purposes=catalogue.purposes | purposes)
    return check(rule, catalogue=known, workspace_tz=workspace_zone()).ok


def is_current(row: RuleEpoch, *, catalogue: Catalogue) -> bool:
    """Say whether the epoch's version would be published under the same dependencies today."""
    if row.version is None:
        return True
    return row.dependency_hash == content_hash(dependencies_of(row.version, catalogue=catalogue))


def catalogue_of(dependencies: Iterable[Mapping[str, Any]]) -> Catalogue:
    """The catalogue as these epochs were published under, with the purposes that were not live any more."""
    told = [tuple(read) for one in dependencies for read in one["reads"]]
    reads = [read for read in told if read[-1] != _UNKNOWN]
    return Catalogue(
        traits={read[1]: ValueType(read[2]) for read in reads if read[0] == "trait"},
        events=frozenset(read[1] for read in reads if read[0] == "event"),
        properties={(read[1], read[2]): ValueType(read[3]) for read in reads if read[0] == "property"},
        purposes=frozenset(read[1] for read in told if read[0] == "consent"),
        lists=frozenset(read[1] for read in reads if read[0] == "list"),
    )


def _published(row: RuleEpoch, parsed: Mapping[int, Rule]) -> Rule:
    assert row.version is not None
    told = row.dependencies
    nested = {key: parsed[pk] for key, (pk, _) in told.get("segments", {}).items()}
    rule = resolve(rule_of(row.version.content), catalogue=Catalogue(segments=nested))
    compared = dict(_compared(rule))
    taken = {path: from_json(compared[path].test.value, said) for path, said in told.get("thresholds", {}).items()}
    return with_taken(rule, taken) if taken else rule


def _compared(rule: Rule) -> Iterator[tuple[str, TraitLeaf | EventLeaf]]:
    yield from ((path, leaf) for path, leaf in leaves_of(rule) if isinstance(leaf, TraitLeaf | EventLeaf))


def _reads(rule: Rule, catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    for _, leaf in leaves_of(rule):
        match leaf:
            case TraitLeaf(trait):
                yield "trait", trait, str(catalogue.traits.get(trait, _UNKNOWN))
            case EventLeaf() | LifecycleLeaf() | TrendLeaf():
                yield from _event_reads(leaf, catalogue)
            case RepeatedLeaf(EventLeaf() as repeated):
                yield from _event_reads(repeated, catalogue)
            case SequenceLeaf() | SessionLeaf() | RepeatedLeaf():
                for looked in looked_at(leaf):
                    yield from _selected_reads(looked.event, looked.where, catalogue)
            case ConsentLeaf(purpose):
                yield "consent", purpose, "purpose" if purpose in catalogue.purposes else _UNKNOWN
            case ListLeaf(key):
                yield "list", key, "list" if key in catalogue.lists else _UNKNOWN


def _event_reads(leaf: EventNode, catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    for looked in selections_of(leaf):
        yield from _selected_reads(looked.event, looked.where, catalogue)
    if of := property_of(leaf):
        yield _property_read(leaf.event, of, catalogue)


def _selected_reads(event: str, where: Condition | None, catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    yield "event", event, "event" if event in catalogue.events else _UNKNOWN
    for _, condition in leaves_of(where) if where is not None else ():
        if isinstance(condition, PropertyLeaf):
            yield _property_read(event, condition.property, catalogue)


def _property_read(event: str, name: str, catalogue: Catalogue) -> tuple[str, ...]:
    return "property", event, name, str(catalogue.properties.get((event, name), _UNKNOWN))
