"""Branches that no one can satisfy are found, and none that somebody can."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from profiles.facts.people import Person
from profiles.facts.values import ValueType
from segments.contradictions import impossible
from segments.rules.parser import Refused, parse
from segments.rules.reference import value_at
from segments.rules.vocabulary import Catalogue

CATALOGUE = Catalogue(
    traits={
        "country": ValueType.TEXT,
        "age": ValueType.NUMBER,
        "vip": ValueType.BOOLEAN,
        "trial_ends": ValueType.DATETIME,
    },
    events=frozenset(["Order"]),
    properties={("Order", "revenue"): ValueType.NUMBER},
    purposes=frozenset(["marketing"]),
)


def trait(name: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"trait": name, "op": op} | ({} if value is None else {"value": value})


def orders(op: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"event": "Order", "measure": "count", "op": op, "value": value} | more


ADULT, CHILD, VIP = trait("age", ">=", 18), trait("age", "<", 18), trait("vip", "=", True)
CHEAP_AND_DEAR = {
    "all": [{"property": "revenue", "op": ">", "value": 5}, {"property": "revenue", "op": "<", "value": 2}]
}


@pytest.mark.parametrize(
    ("rule", "paths"),
    [
        ({"all": [trait("country", "=", "DE"), trait("country", "=", "FR")]}, ["$"]),
        ({"all": [trait("country", "=", "DE"), trait("country", "in", ["FR", "DE"])]}, []),
        ({"all": [trait("country", "in", ["DE", "AT"]), trait("country", "not_in", ["AT", "DE"])]}, ["$"]),
        ({"all": [ADULT, CHILD]}, ["$"]),
        ({"all": [trait("age", ">=", 18), trait("age", "<=", 18)]}, []),
        ({"all": [trait("age", ">=", 18), trait("age", "<=", 18), trait("age", "!=", 18)]}, ["$"]),
        ({"all": [ADULT, {"not": ADULT}]}, ["$"]),
        ({"all": [trait("vip", "=", True), trait("vip", "!=", True)]}, ["$"]),
        ({"all": [trait("vip", "!=", True), trait("vip", "!=", False)]}, ["$"]),
        ({"all": [trait("age", "missing"), ADULT]}, ["$"]),
        ({"all": [trait("age", "exists"), ADULT]}, []),
        ({"all": [trait("trial_ends", "before", "2026-01-01"), trait("trial_ends", "after", "2026-02-01")]}, ["$"]),
        ({"all": [orders(">", 3), orders("<", 4)]}, ["$"]),
        ({"all": [orders(">", 3), orders("<", 5)]}, []),
        ({"all": [orders("<", 1), orders("!=", 0)]}, ["$"]),
        ({"all": [orders(">", 3, within="7d"), orders("<", 4)]}, []),
        ({"all": [{"consent": "marketing"}, {"not": {"consent": "marketing"}}]}, ["$"]),
        ({"not": {"any": [ADULT, CHILD]}}, ["$"]),
        ({"not": {"all": [ADULT, CHILD]}}, []),
        ({"any": [{"all": [ADULT, CHILD]}, VIP]}, ["$.any[0]"]),
        ({"all": [ADULT, {"any": [CHILD, VIP]}]}, ["$.all[1].any[0]"]),
        ({"all": [ADULT, {"any": [CHILD, trait("age", "=", 3)]}]}, ["$"]),
        ({"all": [ADULT, {"all": [VIP, {"not": {"not": CHILD}}]}]}, ["$"]),
        ({"all": [VIP, orders(">=", 1, where=CHEAP_AND_DEAR)]}, ["$.all[1].where"]),
    ],
)
def test_the_branch_that_excludes_itself_is_named(rule: dict[str, Any], paths: list[str]) -> None:
    assert list(impossible(parse(rule), catalogue=CATALOGUE, zone=UTC)) == paths


_LEAVES = st.one_of(
    st.builds(trait, st.just("age"), st.sampled_from(["<", "<=", ">", ">=", "=", "!="]), st.integers(0, 3)),
    st.builds(trait, st.just("country"), st.sampled_from(["=", "!=", "<", ">="]), st.sampled_from(["AT", "DE"])),
    st.builds(trait, st.just("vip"), st.sampled_from(["=", "!="]), st.booleans()),
    st.builds(trait, st.just("age"), st.sampled_from(["exists", "missing"])),
    st.builds(trait, st.just("age"), st.just("between"), st.just([1, 2])),
)
_RULES = st.recursive(
    _LEAVES,
    lambda rules: st.one_of(
        st.lists(rules, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(rules, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        rules.map(lambda part: {"not": part}),
    ),
    max_leaves=7,
)
NOW = datetime(2026, 3, 3, tzinfo=UTC)
#: A person for every answer that the leaves above can tell apart.
_PEOPLE = [
    {name: value for name, value in (("age", age), ("country", country), ("vip", vip)) if value is not None}
    for age in (None, -1, 0, 0.5, 1, 1.5, 2, 2.5, 3, 4)
    for country in (None, "AT", "BE", "DE", "FR")
    for vip in (None, True, False)
]


@given(_RULES)
def test_nothing_that_is_true_of_somebody_is_called_impossible(document: dict[str, Any]) -> None:
    try:
        rule = parse(document)
    except Refused:  # nested deeper than a rule may be
        reject()
    if impossible(rule, catalogue=CATALOGUE, zone=UTC) == ("$",):
        people = (Person(traits=traits) for traits in _PEOPLE)
        assert not any(value_at(rule, one, now=NOW, catalogue=CATALOGUE, workspace_tz=UTC) for one in people)
