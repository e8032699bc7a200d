"""Who is one person, as a pure function of who was seen with whom."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.identity.matching import Bounds, Seen, assign, group
from profiles.identity.rule import DEFAULT, IdentifierKind, IdentityRule

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TYPES = {"u": "user_id", "a": "anonymous_id", "e": "email"}
IDS = {f"{kind}{number}": 10 * index + number for index, kind in enumerate("uae") for number in range(1, 6)}
NAMES = {origin: name for name, origin in IDS.items()}


def seen(one: str, other: str, minute: int) -> Seen:
    return Seen(IDS[one], IDS[other], NOON + timedelta(minutes=minute), minute)


def grouped(sightings: list[Seen]) -> set[str]:
    types = {origin: TYPES[NAMES[origin][0]] for seen in sightings for origin in (seen.origin, seen.other)}
    return {
        " ".join(sorted(NAMES[origin] for origin in members)) for members in group(types, sightings).groups().values()
    }


@pytest.mark.parametrize(
    ("sightings", "expected"),
    [
        pytest.param([("a1", "u1", 1)], {"a1 u1"}, id="a device belongs to its user"),
        pytest.param([("a1", "u1", 1), ("a2", "u1", 2)], {"a1 a2 u1"}, id="a user has several devices"),
        pytest.param([("a1", "u1", 1), ("a1", "u2", 2)], {"a1 u1", "u2"}, id="a shared device joins nobody"),
        pytest.param([("a1", "u1", 2), ("a1", "u2", 1)], {"a1 u2", "u1"}, id="the first user by time keeps the device"),
        pytest.param([("e1", "u1", 1), ("e1", "u2", 2)], {"e1 u1 u2"}, id="a stated address joins users"),
        pytest.param([("u1", "u2", 1)], {"u1 u2"}, id="an alias joins users"),
        pytest.param([("u1", "u2", 1), ("u1", "u3", 2)], {"u1 u2", "u3"}, id="the earliest alias of an id counts"),
        pytest.param([("u1", "u2", 1), ("u2", "u3", 2), ("u3", "u1", 3)], {"u1 u2 u3"}, id="aliases may go round"),
        pytest.param([("a1", "e1", 1)], {"a1 e1"}, id="a device without a user belongs to its address"),
        pytest.param([("a1", "e1", 1), ("a1", "u1", 2)], {"a1 e1 u1"}, id="an address follows its device to the user"),
        pytest.param(
            [("a1", "e1", 1), ("a1", "u1", 2), ("e1", "u2", 3)],
            {"a1 u1", "e1 u2"},
            id="a stated address does not follow a device",
        ),
        pytest.param(
            [("a1", "e1", 1), ("a2", "e1", 2), ("a1", "u1", 3), ("a2", "u2", 4)],
            {"a1 e1 u1", "a2 u2"},
            id="an address typed on two users' devices joins neither to the other",
        ),
        pytest.param([("a1", "e1", 2), ("a1", "e2", 1)], {"a1 e2", "e1"}, id="a device has one address"),
    ],
)
def test_groups(sightings: list[tuple[str, str, int]], expected: set[str]) -> None:
    assert grouped([seen(*sighting) for sighting in sightings]) == expected


_EDGES = [("a", "u"), ("a", "e"), ("e", "u"), ("u", "u")]
_sightings = st.lists(
    st.tuples(st.sampled_from(_EDGES), st.integers(1, 4), st.integers(1, 4), st.integers(0, 9)).map(
        lambda drawn: (f"{drawn[0][0]}{drawn[1]}", f"{drawn[0][1]}{drawn[2]}", drawn[3])
    ),
    max_size=14,
)


@given(_sightings, st.randoms())
def test_neither_order_nor_repetition_changes_the_groups(sightings: list[tuple[str, str, int]], random) -> None:
    told = [seen(*sighting) for sighting in sightings if sighting[0] != sighting[1]]
    again = told + random.sample(told, len(told) // 2)
    random.shuffle(again)
    assert grouped(again) == grouped(told)


@given(_sightings)
def test_users_are_never_joined_by_a_device(sightings: list[tuple[str, str, int]]) -> None:
    told = [seen(*s) for s in sightings if s[0] != s[1] and s[0][0] == "a"]
    assert all(name.count("u") <= 1 for name in grouped(told))


def test_a_profile_goes_with_its_user_and_the_oldest_wins() -> None:
    types = {1: "anonymous_id", 2: "user_id", 3: "user_id"}
    moved = group(types, [Seen(1, 3, NOON, 1)])  # the device was with user 2 until an earlier sighting arrived
    assigned = assign(moved, types=types, roots={1: 100, 2: 100, 3: 200})
    assert assigned.profile_of[moved.of[2]] == 100
    assert assigned.profile_of[moved.of[1]] == 200
    joined = group(types, [Seen(1, 3, NOON, 1), Seen(2, 3, NOON, 1)])
    assert assign(joined, types=types, roots={1: 300, 2: 100, 3: 200}).merged == ((100, 200), (100, 300))


# -- bounds -----------------------------------------------------------------------------------------------------------
_RULE = IdentityRule(
    types=(
        IdentifierKind("user_id", limit=2),
        IdentifierKind("email", unique=True),
        IdentifierKind("anonymous_id", limit=2, within=timedelta(minutes=4)),
    )
)
_APART = {IDS["u1"]: {1: 0}, IDS["a1"]: {1: 0}, IDS["u2"]: {1: 1}, IDS["e2"]: {1: 1}}


def bounded(sightings: list[Seen], rule: IdentityRule = _RULE) -> tuple[set[frozenset[str]], set[tuple[str, str]]]:
    types = {origin: TYPES[name[0]] for name, origin in IDS.items()}
    hashes = {origin: name.encode() for name, origin in IDS.items()}
    found = group(types, sightings, Bounds(rule, frozenset({IDS["e3"]}), _APART, hashes))
    groups = {frozenset(NAMES[origin] for origin in members) for members in found.groups().values()}
    return groups, {(NAMES[bar.seen.origin], NAMES[bar.seen.other]) for bar in found.barred}


def told(sightings: list[tuple[str, str, int]]) -> list[Seen]:
    return [seen(*sighting) for sighting in sightings if sighting[0] != sighting[1]]


@given(_sightings, st.randoms())
def test_bounds_do_not_make_the_order_matter(sightings: list[tuple[str, str, int]], random) -> None:
    expected = bounded(told(sightings))
    again = told(sightings) + random.sample(told(sightings), len(told(sightings)) // 2)
    random.shuffle(again)
    assert bounded(again) == expected


@given(_sightings)
def test_no_group_breaks_a_bound(sightings: list[tuple[str, str, int]]) -> None:
    groups, _ = bounded(told(sightings))
    for members in groups:
        kinds = [name[0] for name in members]
        assert kinds.count("u") <= 2 and kinds.count("e") <= 1
        assert not ({"u1", "a1"} & members and {"u2", "e2"} & members)
        assert "e3" not in members or len(members) == 1


@given(_sightings)
def test_what_bounds_part_would_have_been_one_without_them(sightings: list[tuple[str, str, int]]) -> None:
    groups, barred = bounded(told(sightings))
    if not barred:
        types = {origin: TYPES[name[0]] for name, origin in IDS.items()}
        free = group(types, told(sightings)).groups().values()
        assert groups == {frozenset(NAMES[origin] for origin in members) for members in free}


def test_the_type_of_higher_priority_is_joined_first_and_the_limit_named() -> None:
    types = {1: "user_id", 2: "user_id", 3: "anonymous_id", 4: "anonymous_id"}
    rule = IdentityRule(types=(IdentifierKind("user_id"), IdentifierKind("anonymous_id", limit=1)))
    late_alias = [
        Seen(3, 1, NOON, 1),
        Seen(4, 2, NOON + timedelta(minutes=1), 2),
        Seen(2, 1, NOON + timedelta(days=1), 3),
    ]
    found = group(types, late_alias, Bounds(rule, hashes={n: bytes([n]) for n in types}))
    assert found.of[1] == found.of[2] == found.of[3] != found.of[4]
    (bar,) = found.barred
    assert (bar.reason, bar.kind, bar.most, bar.seen) == ("limit", "anonymous_id", 1, late_alias[1])


def test_the_default_rule_bounds_nothing() -> None:
    assert DEFAULT.limited == {}
