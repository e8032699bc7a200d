"""What a grouping means for the rows: who is born, who merges, who is back, and which origins change hands. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from profiles.identity.matching import Assigned, Bar, Grouping, Seen
from profiles.identity.neighbourhood import Neighbourhood
from profiles.models import Cause, LinkReason

LANES = 1024


def bucket_of(profile_id: int) -> int:
    """Return the share of the people, and hence the lane, that a profile belongs to."""
    return profile_id % LANES


class MergeKind(StrEnum):
    MERGE = "merge"
    UNMERGE = "unmerge"


@dataclass(frozen=True, slots=True)
class Merge:
    """Two people who are one from `now` on, or, in an unmerge, two again. The winner is the older profile."""

    winner_id: int
    loser_id: int
    now: datetime
    kind: MergeKind = MergeKind.MERGE


@dataclass(frozen=True, slots=True)
class Said:
    """On whose word a regrouping happens, where it is not an event's: what its rows and touches will say."""

    reason: LinkReason
    cause: Cause
    decided_by: str


@dataclass(frozen=True, slots=True)
class Back:
    """A profile that was merged away and is a person again: whom it was part of, and the profiles that go with it."""

    profile_id: int
    from_root: int
    followers: tuple[int, ...]  # itself, and those merged into it before


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a regrouping was decided on, by origin."""

    around: Neighbourhood
    reasons: Mapping[tuple[int, int], str] = field(default_factory=dict)  # of the new sightings
    causes: Sequence[Seen] = ()  # the new sightings
    first_of: Mapping[int, int] = field(default_factory=dict)  # the event each new origin first came with
    said: Said | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a grouping means for the rows."""

    now: datetime
    evidence: Evidence
    was: Mapping[int, int]  # origin to profile until now, of those that had one
    root_of: Mapping[int, int]  # every origin looked at, to its profile from now on
    born: Sequence[int]  # profiles not seen before
    merges: Sequence[Merge]
    back: Sequence[Merge]  # profiles that are people again, and of whom they were part
    moved: Sequence[int]  # origins that leave their person without a merge
    refused: Sequence[Seen]
    barred: Sequence[Bar]

    @property
    def newcomers(self) -> dict[int, int]:
        return {origin: root for origin, root in self.root_of.items() if origin not in self.was}

    @property
    def types(self) -> Mapping[int, str]:
        return self.evidence.around.types

    def joins(self, seen: Seen) -> bool:
        return self.root_of[seen.origin] == self.root_of[seen.other]

    def joined_by(self) -> dict[int, Seen]:
        """Return the new sighting that joined each origin to its group, where one did."""
        joining = [seen for seen in self.evidence.causes if self.joins(seen)]
        return {origin: seen for seen in joining for origin in (seen.other, seen.origin)}

    def why(self) -> Iterable[tuple[Merge, Seen | None]]:
        """Pair every merge with the sighting on whose word it happened: of the new ones, one that names the loser."""
        naming: dict[int, Seen] = {}
        of_group: dict[int, Seen] = {}
        for seen in self.evidence.causes:
            if self.joins(seen):
                of_group[self.root_of[seen.origin]] = seen
                naming |= {self.was[origin]: seen for origin in (seen.origin, seen.other) if origin in self.was}
        for merge in self.merges:
            yield merge, naming.get(merge.loser_id) or of_group.get(merge.winner_id)


def plan(
    grouping: Grouping,
    assigned: Assigned,
    born: Mapping[int, int],
    evidence: Evidence,
    back: Iterable[Back] = (),
    *,
    now: datetime,
) -> Plan:
    """Turn groups into profiles; `born` names the profile of every group that has none, `back` those that return."""
    known = {group: profile for group, profile in assigned.profile_of.items() if profile is not None}
    profile_of = {**known, **born}
    winner_of = {loser: winner for winner, loser in assigned.merged}
    returning = list(back)
    root_of = {origin: profile_of[group] for origin, group in grouping.of.items()}
    was = dict(evidence.around.was)
    for one in returning:
        root_of |= dict.fromkeys(one.followers, winner_of.get(one.profile_id, one.profile_id))
        was |= dict.fromkeys(one.followers, one.from_root)
    known_before = {one.profile_id for one in returning}
    return Plan(
        now=now,
        evidence=evidence,
        was=was,
        root_of=root_of,
        born=sorted(set(born.values()) - known_before),
        merges=[Merge(winner, loser, now) for winner, loser in assigned.merged],
        back=[
            Merge(winner_of.get(one.from_root, one.from_root), one.profile_id, now, MergeKind.UNMERGE)
            for one in returning
            if one.profile_id not in winner_of
        ],
        moved=[origin for origin, root in was.items() if root_of[origin] != winner_of.get(root, root)],
        refused=grouping.refused,
        barred=grouping.barred,
    )
