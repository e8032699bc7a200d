"""Which identifiers are one person. Pure: a set of nodes and sightings in, groups out.

The rule
--------
A person is a set of identifiers, and the set depends on the *set* of events alone, never on the order in which they
arrived. So nothing here asks who was there before; where somebody has to be first it is by the events' own time and id.

1. What is stated for a user id (an e-mail address, a telephone number, an id of the sender's own: a *contact*) joins
   every user id it was stated for: the application itself said whose it is.
2. An alias joins a previous id to its new user id. The earliest alias of a previous id counts, so that one careless
   `alias` at every login cannot chain all users of a shared browser together. A previous id may be an old user id or a
   device; the alias does not say which, so both readings of it are joined.
3. A device (anonymous id) belongs to the one user id it was seen with first. Being seen with a second user is evidence
   that the device is shared, not that two users are one: their own events say who they are, and only the device's
   anonymous events stay with the first. A device that no user was seen on belongs to the first contact.
4. A contact that was stated for no user belongs to the first device it was typed on that has a user; one that was
   typed together with a contact of a higher type, and on no such device, belongs to the first of these.

So two known users become one only by word of the application (1, 2), never by evidence (3, 4).

What follows from it: a group can lose a member when an earlier sighting arrives late. Events hang on the identifier's
own origin, so a device changes hands by moving one row, and no event is rewritten. The moved row and every refused
join leave a `link` row that says why.

Bounds
------
What 1 to 4 would join is joined one sighting after the other, in an order that the sightings themselves give: the type
of higher priority first, then the earlier sighting, then the event's id, then the identifiers' hashes. A sighting that
would bring a person more identifiers of a type than the identity rule allows, or the two sides of a separation
together, is barred, and the two stay two people. Before anything else, sightings that directly contradict a separation
are void, and so are those of identifiers that are nobody's: everything is then as if they had never been, which is why
undoing a merge gives back exactly the people there were.

Which profile id a group carries does depend on order, and must: an id that was told stays with whom it was told for.
Each earlier profile goes with its best identifier (by the types' priority; the oldest among equals), and where several
meet in one group the oldest profile wins.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import Struct

from profiles.identity.rule import ANONYMOUS_ID, DEFAULT, USER_ID, IdentityRule


class Seen(Struct, frozen=True):
    """An edge: `origin` (device, contact, previous id) was seen with `other` first at `seen_at`."""

    origin: int
    other: int
    seen_at: datetime
    event_id: int

    @property
    def when(self) -> tuple[datetime, int]:
        return self.seen_at, self.event_id


@dataclass(frozen=True, slots=True)
class Bounds:
    """What no join may break. `hashes` order what nothing else orders; they are needed where something is limited."""

    rule: IdentityRule = DEFAULT
    blocked: frozenset[int] = frozenset()
    sides: Mapping[int, Mapping[int, int]] = field(default_factory=dict)  # origin -> separation -> side
    hashes: Mapping[int, bytes] = field(default_factory=dict)


class Refusal(StrEnum):
    """Why a join is barred; `profiles.models.JoinRefusal` spells the same for the database."""

    LIMIT = "limit"
    UNIQUE = "unique"
    SEPARATED = "separated"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Bar:
    """Why a sighting that would join two people does not; `kind` and `most` name the limit."""

    seen: Seen
    reason: Refusal
    kind: str = ""
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups, as each origin's representative; the sightings that join nothing; those of them that were barred."""

    of: Mapping[int, int]
    refused: tuple[Seen, ...]
    barred: tuple[Bar, ...] = ()

    def groups(self) -> dict[int, list[int]]:
        members: defaultdict[int, list[int]] = defaultdict(list)
        for origin, representative in self.of.items():
            members[representative].append(origin)
        return members


_FREE = Bounds()


def group(types: Mapping[int, str], sightings: Iterable[Seen], bounds: Bounds = _FREE) -> Grouping:
    """Group the origins in `types` (origin to identifier type). Sightings that lead outside of them are left out."""
    inside = [seen for seen in sightings if seen.origin in types and seen.other in types]
    void = _void(types, inside, bounds)
    valid = [seen for seen in inside if (seen.origin, seen.other) not in void] if void else inside
    wanted = _wanted(types, valid, bounds.rule)
    joined: _Joined
    if bounds.rule.limited or bounds.sides:
        joined = _Bounded(types, wanted, bounds)
    else:
        joined = _Joined(types)
        for seen in wanted:
            joined.join(seen.origin, seen.other)
    of = {origin: joined.find(origin) for origin in types}
    refused = tuple(seen for seen in inside if of[seen.origin] != of[seen.other])
    return Grouping(of, refused, (*void.values(), *joined.barred))


def _void(types: Mapping[int, str], inside: Sequence[Seen], bounds: Bounds) -> dict[tuple[int, int], Bar]:
    known, blocked, sides = bounds.rule.ranks, bounds.blocked, bounds.sides
    found = {}
    for seen in inside:
        one, other = seen.origin, seen.other
        if one in blocked or other in blocked or types[one] not in known or types[other] not in known:
            found[one, other] = Bar(seen, Refusal.BLOCKED)
        elif one in sides and other in sides and _are_apart(sides[one], sides[other]):
            found[one, other] = Bar(seen, Refusal.SEPARATED)
    return found


def _are_apart(one: Mapping[int, int], other: Mapping[int, int]) -> bool:
    return any(other.get(separation, side) != side for separation, side in one.items())


def _wanted(types: Mapping[int, str], valid: Sequence[Seen], rule: IdentityRule) -> list[Seen]:
    """The sightings that join by the rule, if nothing bars them."""
    first_user: dict[int, Seen] = {}  # of a device, and of a user id that was another's previous id
    first_contact: dict[int, Seen] = {}  # of a device, and of a contact of a lower type
    typed_on: defaultdict[int, list[Seen]] = defaultdict(list)
    wanted: list[Seen] = []
    stated: set[int] = set()
    for seen in valid:
        kind, other = types[seen.origin], types[seen.other]
        if other not in (USER_ID, ANONYMOUS_ID):
            _keep_earliest(first_contact, seen, types, rule)
            if kind == ANONYMOUS_ID:
                typed_on[seen.other].append(seen)
        elif kind not in (USER_ID, ANONYMOUS_ID):
            wanted.append(seen)
            stated.add(seen.origin)
        else:
            _keep_earliest(first_user, seen, types, rule)
    wanted += first_user.values()
    follows_device = set()
    for contact, devices in typed_on.items():
        of_users = [seen for seen in devices if seen.origin in first_user]
        if of_users and contact not in stated:
            wanted.append(min(of_users, key=_when))
            follows_device.add(contact)
    settled = stated | follows_device | first_user.keys()
    return wanted + [seen for origin, seen in first_contact.items() if origin not in settled]


def _when(seen: Seen) -> tuple[datetime, int]:
    return seen.seen_at, seen.event_id


def _keep_earliest(first: dict[int, Seen], seen: Seen, types: Mapping[int, str], rule: IdentityRule) -> None:
    # Of the statements of one event the one about the higher type; the other origin's id breaks what is left of a tie,
    # and nothing is: an event states at most one identifier of a type for another.
    known = first.get(seen.origin)
    if known is None or _rank(seen, types, rule) < _rank(known, types, rule):
        first[seen.origin] = seen


def _rank(seen: Seen, types: Mapping[int, str], rule: IdentityRule) -> tuple[datetime, int, int, int]:
    return seen.seen_at, seen.event_id, rule.ranks[types[seen.other]], seen.other


class _Joined:
    """Union-find; the lowest origin represents its set."""

    def __init__(self, origins: Iterable[int]) -> None:
        self.barred: list[Bar] = []
        self._parent = {origin: origin for origin in origins}

    def find(self, origin: int) -> int:
        parent = self._parent
        while parent[origin] != origin:
            parent[origin] = origin = parent[parent[origin]]
        return origin

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.find(one), self.find(other)))
        self._parent[high] = low


class _Bounded(_Joined):
    """Union-find that joins in the sightings' own order and bars what would break a bound."""

    def __init__(self, types: Mapping[int, str], wanted: Sequence[Seen], bounds: Bounds) -> None:
        super().__init__(types)
        self._limited = bounds.rule.limited
        self._came: dict[int, dict[str, list[datetime]]] = {}  # of a set: when its identifiers of limited types came
        self._sides: dict[int, dict[int, int]] = {origin: dict(sides) for origin, sides in bounds.sides.items()}
        came: dict[int, datetime] = {}
        for seen in wanted:
            for origin in (seen.origin, seen.other):
                came[origin] = min(seen.seen_at, came.get(origin, seen.seen_at))
        for origin, at in came.items():
            if types[origin] in self._limited:
                self._came[origin] = {types[origin]: [at]}
        for seen in sorted(wanted, key=_order(types, bounds)):
            self._join_if_allowed(seen)

    def _join_if_allowed(self, seen: Seen) -> None:
        low, high = sorted((self.find(seen.origin), self.find(seen.other)))
        if low == high:
            return
        bar = self._bar(seen, low, high)
        if bar is not None:
            self.barred.append(bar)
            return
        self._parent[high] = low
        came = self._came.setdefault(low, {})
        for kind, times in self._came.pop(high, {}).items():
            came[kind] = sorted(came.get(kind, []) + times)
        self._sides.setdefault(low, {}).update(self._sides.pop(high, {}))

    def _bar(self, seen: Seen, one: int, other: int) -> Bar | None:
        if _are_apart(self._sides.get(one, {}), self._sides.get(other, {})):
            return Bar(seen, Refusal.SEPARATED)
        ones, others = self._came.get(one, {}), self._came.get(other, {})
        for name, kind in self._limited.items():
            most = kind.most
            assert most is not None
            if name in ones and name in others and _exceeds(ones[name] + others[name], most, kind.within):
                return Bar(seen, Refusal.UNIQUE if kind.unique else Refusal.LIMIT, name, most)
        return None


def _exceeds(times: list[datetime], most: int, within: timedelta | None) -> bool:
    if len(times) <= most:
        return False
    if within is None:
        return True
    times.sort()
    return any(later - earlier < within for earlier, later in zip(times, times[most:], strict=False))


def _order(types: Mapping[int, str], bounds: Bounds) -> Callable[[Seen], tuple[Any, ...]]:
    ranks, hashes = bounds.rule.ranks, bounds.hashes

    def key(seen: Seen) -> tuple[Any, ...]:
        one, other = ranks[types[seen.origin]], ranks[types[seen.other]]
        told = hashes.get(seen.origin, b""), hashes.get(seen.other, b"")
        return (max(one, other), seen.seen_at, seen.event_id, min(one, other), *told)

    return key


@dataclass(frozen=True, slots=True)
class Assigned:
    """Which profile each group carries: `profile_of` by representative; None stands for a person not seen before."""

    profile_of: Mapping[int, int | None]
    merged: tuple[tuple[int, int], ...]  # (winner, loser)


def assign(
    grouping: Grouping, *, types: Mapping[int, str], roots: Mapping[int, int], rule: IdentityRule = DEFAULT
) -> Assigned:
    """Give every group a profile, given the profile each origin belonged to until now (new origins are absent)."""
    last = len(rule.types)
    best: dict[int, tuple[int, int]] = {}
    for origin, root in roots.items():
        standing = (rule.ranks.get(types[origin], last), origin)
        if root not in best or standing < best[root]:
            best[root] = standing
    inherited: defaultdict[int, list[int]] = defaultdict(list)
    for root, (_, origin) in best.items():
        inherited[grouping.of[origin]].append(root)
    profile_of = {group: min(inherited[group], default=None) for group in set(grouping.of.values())}
    merged = [(min(roots), loser) for roots in inherited.values() for loser in sorted(roots)[1:]]
    return Assigned(profile_of, tuple(sorted(merged)))
