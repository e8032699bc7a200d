"""What a live rule depends on besides its own text: the types of what it reads, the zone, the segment's name.

An epoch keeps these as they were when it was published, and the lanes compile from them, not from the catalogue of the
moment. So every process judges alike under one epoch, and a type that changes takes effect as a new epoch or not at
all.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from cdp.governance.content import content_hash
from profiles.facts.values import ValueType
from segments.catalogue import workspace_zone
from segments.content import rule_of
from segments.models import RuleEpoch
from segments.rules.checker import check
from segments.rules.nodes import ConsentLeaf, EventLeaf, PropertyLeaf, Rule, TraitLeaf, leaves_of
from segments.rules.vocabulary import Catalogue

_UNKNOWN = "unknown"


def dependencies_of(version: Any, *, catalogue: Catalogue) -> dict[str, Any]:
    """Everything that decides what the lanes write for this version. The name is on every card."""
    return {
        "rule": version.content_hash,
        "name": version.head.name,
        "zone": str(workspace_zone()),
        "reads": [list(read) for read in sorted(set(_reads(rule_of(version.content), catalogue)))],
    }


def still_fits(version: Any, *, catalogue: Catalogue) -> bool:
    """Say whether the live rule can be judged. That a purpose is not live any more does not stand in the way.

    Consent to such a purpose is unknown for everybody, so the members leave; frozen, they would go on being told as
    members on the strength of a consent that nobody may use.
    """
    rule = rule_of(version.content)
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
    )


def _reads(rule: Rule, catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    for _, leaf in leaves_of(rule):
        match leaf:
            case TraitLeaf(trait):
                yield "trait", trait, str(catalogue.traits.get(trait, _UNKNOWN))
            case EventLeaf():
                yield from _event_reads(leaf, catalogue)
            case ConsentLeaf(purpose):
                yield "consent", purpose, "purpose" if purpose in catalogue.purposes else _UNKNOWN


def _event_reads(leaf: EventLeaf, catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    yield "event", leaf.event, "event" if leaf.event in catalogue.events else _UNKNOWN
    names = [leaf.of] if leaf.of else []
    if leaf.where is not None:
        names += [where.property for _, where in leaves_of(leaf.where) if isinstance(where, PropertyLeaf)]
    for name in names:
        yield "property", leaf.event, name, str(catalogue.properties.get((leaf.event, name), _UNKNOWN))
