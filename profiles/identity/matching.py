"""Which identifiers are one person. Pure: a set of nodes and sightings in, groups out.

The rule
--------
A person is a set of identifiers, and the set depends on the *set* of events alone, never on the order in which they
arrived. So nothing here asks who was there before; where somebody has to be first it is by the events' own time and id.

1. An e-mail address joins every user id it was stated for: the application itself said whose address it is.
2. An alias joins a previous id to its new user id. The earliest alias of a previous id counts, so that one careless
   `alias` at every login cannot chain all users of a shared browser together. A previous id may be an old user id or a
   device; the alias does not say which, so both readings of it are joined.
3. A device (anonymous id) belongs to the one user id it was seen with first. Being seen with a second user is evidence
   that the device is shared, not that two users are one: their own events say who they are, and only the device's
   anonymous events stay with the first. A device that no user was seen on belongs to the first e-mail address.
4. An e-mail address that was stated for no user belongs to the first device it was typed on that has a user.

So two known users become one only by word of the application (1, 2), never by evidence (3, 4).

What follows from it: a group can lose a member when an earlier sighting arrives late. Events hang on the identifier's
own origin, so a device changes hands by moving one row, and no event is rewritten. The moved row and every refused
join leave a `link` row that says why.

Which profile id a group carries does depend on order, and must: an id that was told stays with whom it was told for.
Each earlier profile goes with its best identifier (user id, then e-mail, then device; the oldest among equals), and
where several meet in one group the oldest profile wins.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct

USER_ID = "user_id"
ANONYMOUS_ID = "anonymous_id"
EMAIL = "email"
_RANK = {USER_ID: 0, EMAIL: 1, ANONYMOUS_ID: 2}


class Seen(Struct, frozen=True):
    """An edge: `origin` (device, e-mail address, previous id) was seen with `other` first at `seen_at`."""

    origin: int
    other: int
    seen_at: datetime
    event_id: int

    @property
    def when(self) -> tuple[datetime, int]:
        return self.seen_at, self.event_id


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups, as each origin's representative, and the sightings that join nothing because somebody was first."""

    of: Mapping[int, int]
    refused: tuple[Seen, ...]

    def groups(self) -> dict[int, list[int]]:
        members: defaultdict[int, list[int]] = defaultdict(list)
        for origin, representative in self.of.items():
            members[representative].append(origin)
        return members


def group(types: Mapping[int, str], sightings: Iterable[Seen]) -> Grouping:
    """Group the origins in `types` (origin to identifier type). Sightings that lead outside of them are left out."""
    inside = [seen for seen in sightings if seen.origin in types and seen.other in types]
    first_user: dict[int, Seen] = {}  # of a device, and of a user id that was another's previous id
    first_email: dict[int, Seen] = {}
    typed_on: defaultdict[int, list[Seen]] = defaultdict(list)
    joined = _Joined(types)
    stated: set[int] = set()
    for seen in inside:
        kind, other = types[seen.origin], types[seen.other]
        if kind == EMAIL:
            joined.join(seen.origin, seen.other)
            stated.add(seen.origin)
        elif other == EMAIL:
            _keep_earliest(first_email, seen)
            typed_on[seen.other].append(seen)
        else:
            _keep_earliest(first_user, seen)
    for seen in first_user.values():
        joined.join(seen.origin, seen.other)
    for origin, seen in first_email.items():
        if origin not in first_user:
            joined.join(origin, seen.other)
    for email, devices in typed_on.items():
        if email not in stated:
            of_users = [seen for seen in devices if seen.origin in first_user]
            if of_users:
                joined.join(email, min(of_users, key=_when).origin)
    of = {origin: joined.find(origin) for origin in types}
    return Grouping(of, tuple(seen for seen in inside if of[seen.origin] != of[seen.other]))


def _when(seen: Seen) -> tuple[datetime, int]:
    return seen.seen_at, seen.event_id


def _keep_earliest(first: dict[int, Seen], seen: Seen) -> None:
    # The other origin's id only breaks a tie between two statements of one event.
    known = first.get(seen.origin)
    if known is None or (*seen.when, seen.other) < (*known.when, known.other):
        first[seen.origin] = seen


class _Joined:
    """Union-find; the lowest origin represents its set."""

    def __init__(self, origins: Iterable[int]) -> None:
        self._parent = {origin: origin for origin in origins}

    def find(self, origin: int) -> int:
        parent = self._parent
        while parent[origin] != origin:
            parent[origin] = origin = parent[parent[origin]]
        return origin

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.find(one), self.find(other)))
        self._parent[high] = low


@dataclass(frozen=True, slots=True)
class Assigned:
    """Which profile each group carries: `profile_of` by representative; None stands for a person not seen before."""

    profile_of: Mapping[int, int | None]
    merged: tuple[tuple[int, int], ...]  # (winner, loser)


def assign(grouping: Grouping, *, types: Mapping[int, str], roots: Mapping[int, int]) -> Assigned:
    """Give every group a profile, given the profile each origin belonged to until now (new origins are absent)."""
    best: dict[int, tuple[int, int]] = {}
    for origin, root in roots.items():
        standing = (_RANK[types[origin]], origin)
        if root not in best or standing < best[root]:
            best[root] = standing
    inherited: defaultdict[int, list[int]] = defaultdict(list)
    for root, (_, origin) in best.items():
        inherited[grouping.of[origin]].append(root)
    profile_of = {group: min(inherited[group], default=None) for group in set(grouping.of.values())}
    merged = [(min(roots), loser) for roots in inherited.values() for loser in sorted(roots)[1:]]
    return Assigned(profile_of, tuple(sorted(merged)))
