"""What a rule would join and part if it were live now: everybody grouped by it, and nothing written."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from django.db import connection, transaction

from cdp.ids import to_public
from profiles.identity import history, matching, rules
from profiles.identity.matching import Bounds, Grouping, Refusal, Seen
from profiles.identity.naming import Name
from profiles.identity.rule import IdentityRule

#: Beyond this many identifiers the oldest people are looked at, and the evidence says so.
MOST_IDENTIFIERS = 600_000
SECONDS = 60
_SAMPLES = 10
_BATCH = 20_000


@dataclass(frozen=True, slots=True)
class Preview:
    """People as they are now and as they would be; they are named by their profile ids and by nothing else."""

    people: int
    is_complete: bool
    joined: tuple[tuple[int, ...], ...]  # sets of people of whom each would be one
    split: tuple[tuple[int, int], ...]  # people who would be several, and how many
    barred: Mapping[tuple[str, str], int]  # joins that a bound would refuse, by reason and type
    blocked: Mapping[str, int]  # identifiers that would be nobody's, by type
    found: Mapping[str, int]  # identifiers that the past states and nobody looked for, by type


class _Graph:
    """The identity graph as the rule would see it."""

    def __init__(self) -> None:
        self.types: dict[int, str] = {}
        self.was: dict[int, int] = {}
        self.hashes: dict[int, bytes] = {}
        self.blocked: set[int] = set()
        self.origin_of: dict[Name, int] = {}
        self.sightings: list[Seen] = []
        self._made = count(-1, -1)

    def origin(self, name: Name) -> int:
        """Return the name's origin, or one that stands for it here."""
        known = self.origin_of.get(name)
        if known is None:
            known = self.origin_of[name] = next(self._made)
            self.types[known], self.hashes[known] = name[0], repr(name).encode()
        return known


@transaction.atomic
def preview(rule: IdentityRule) -> Preview:
    """Group everybody, or the oldest people where there are too many, by the rule; nothing is locked or written."""
    live = rules.live_rule()
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{SECONDS}s'")
        graph, newly_blocked, is_complete = _load(cursor, rule)
        found = _add_the_past(cursor, graph, rule, live)
        sides = _sides(cursor)
        cursor.execute("SET LOCAL statement_timeout = 0")
    bounds = Bounds(rule, frozenset(graph.blocked), sides, graph.hashes)
    grouping = matching.group(graph.types, graph.sightings, bounds)
    joined, split = _compare(graph, grouping)
    return Preview(
        people=len(set(graph.was.values())),
        is_complete=is_complete,
        joined=joined,
        split=split,
        barred=Counter((bar.reason.value, bar.kind) for bar in grouping.barred if bar.reason is not Refusal.BLOCKED),
        blocked=newly_blocked,
        found=found,
    )


def _load(cursor: Any, rule: IdentityRule) -> tuple[_Graph, Counter[str], bool]:
    graph, newly_blocked = _Graph(), Counter[str]()
    cursor.execute(_IDENTIFIERS, [MOST_IDENTIFIERS + 1])
    rows = cursor.fetchall()
    for origin, type, root, hash, value, was_blocked in rows[:MOST_IDENTIFIERS]:
        graph.types[origin], graph.was[origin], graph.hashes[origin] = type, root, bytes(hash)
        graph.origin_of[type, value] = origin
        if type not in rule.ranks or rule.blocks(type, value):
            graph.blocked.add(origin)
            newly_blocked[type] += not was_blocked
    cursor.execute(_SIGHTINGS)
    while batch := cursor.fetchmany(_BATCH):
        graph.sightings += [Seen(*row) for row in batch]
    return graph, Counter({type: n for type, n in newly_blocked.items() if n}), len(rows) <= MOST_IDENTIFIERS


def _add_the_past(cursor: Any, graph: _Graph, rule: IdentityRule, live: IdentityRule) -> Counter[str]:
    """Add what traits of the past state under this rule and did not under the live one; return how many are new."""
    news = {
        trait
        for trait, type in rule.by_trait.items()
        if live.by_trait.get(trait) != type or rule.country != live.country
    }
    if not news:
        return Counter()
    found: Counter[str] = Counter()
    after = 0
    while origins := history.origins_after(cursor, after, traits=news, limit=_BATCH):
        after = origins[-1]
        told = history.told_by(cursor, [origin for origin in origins if origin in graph.types], rule=rule)
        for name in told.names.keys() - graph.origin_of.keys():
            found[name[0]] += 1
            graph.origin(name)
        for (one, other), first in told.together.items():
            graph.sightings.append(Seen(graph.origin(one), graph.origin(other), first.ts, first.event_id))
    return found


def _sides(cursor: Any) -> dict[int, dict[int, int]]:
    cursor.execute(_SIDES)
    sides: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for origin, separation, side in cursor.fetchall():
        sides[origin][separation] = side
    return dict(sides)


def _compare(graph: _Graph, grouping: Grouping) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, int], ...]]:
    roots_of: defaultdict[int, set[int]] = defaultdict(set)
    groups_of: defaultdict[int, set[int]] = defaultdict(set)
    for origin, root in graph.was.items():
        roots_of[grouping.of[origin]].add(root)
        groups_of[root].add(grouping.of[origin])
    joined = sorted(tuple(sorted(roots)) for roots in roots_of.values() if len(roots) > 1)
    split = sorted((root, len(groups)) for root, groups in groups_of.items() if len(groups) > 1)
    return tuple(joined), tuple(split)


def as_evidence(seen: Preview, *, now: datetime) -> dict[str, Any]:
    """Return the preview as JSON to freeze: counts, and a few profile ids of each kind."""
    return {
        "counted_at": now.isoformat(),
        "people": seen.people,
        "complete": seen.is_complete,
        "joined": {
            "people": sum(len(people) for people in seen.joined),
            "into": len(seen.joined),
            "samples": [_spelled(people[:_SAMPLES]) for people in seen.joined[:_SAMPLES]],
        },
        "split": {
            "people": len(seen.split),
            "into": sum(parts for _, parts in seen.split),
            "samples": [{"person": to_public(root), "parts": parts} for root, parts in seen.split[:_SAMPLES]],
        },
        "barred": [
            {"reason": reason, "type": kind, "joins": number} for (reason, kind), number in sorted(seen.barred.items())
        ],
        "blocked": dict(sorted(seen.blocked.items())),
        "found": dict(sorted(seen.found.items())),
    }


def _spelled(people: Iterable[int]) -> list[str]:
    return [to_public(person) for person in people]


_IDENTIFIERS = """
SELECT origin.id, identifier.type, origin.root_id, identifier.hash, identifier.value, identifier.is_blocked
  FROM origin JOIN identifier ON identifier.origin_id = origin.id ORDER BY origin.root_id LIMIT %s
"""
_SIGHTINGS = "SELECT origin_id, with_origin_id, seen_at, event_id FROM sighting"
_SIDES = """
SELECT origin_id, separation_id, side
  FROM separated_origin JOIN separation ON separation.id = separation_id AND lifted_at IS NULL
"""
