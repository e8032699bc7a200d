"""What would have to change: against trying every set of leaves, and shown the same each time."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.rules.logic import Truth, all_of, any_of, not_of
from segments.rules.nodes import ROOT, AllOf, AnyOf, ConsentLeaf, Leaf, Node, NotOf, children_of, leaves_of
from segments.rules.repairs import MOST_SETS, repair

A, B, C, D = (ConsentLeaf(name) for name in "abcd")
_LEAVES = st.sampled_from([A, B, C, D, ConsentLeaf("e")])
_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.builds(NotOf, inner),
        st.lists(inner, min_size=1, max_size=3).map(lambda nodes: AllOf(tuple(nodes))),
        st.lists(inner, min_size=1, max_size=3).map(lambda nodes: AnyOf(tuple(nodes))),
    ),
    max_leaves=7,
)
_ANSWERS = st.dictionaries(st.sampled_from("abcde"), st.sampled_from([True, False, None]))


def value(node: Node, answers: dict[Leaf, Truth]) -> Truth:
    below = [value(child, answers) for _, child in children_of(node, ROOT)]
    match node:
        case AllOf():
            return all_of(below)
        case AnyOf():
            return any_of(below)
        case NotOf():
            return not_of(below[0])
        case _:
            return answers[node]


def truths(rule: Node, answers: dict[Leaf, Truth]) -> dict[str, Truth]:
    return {path: answers[leaf] for path, leaf in leaves_of(rule)}


def by_trying(rule: Node, answers: dict[Leaf, Truth], *, wanted: bool) -> set[frozenset[Leaf]]:
    """Every smallest set of conditions for which some other outcome gives the answer."""
    leaves = list(dict.fromkeys(leaf for _, leaf in leaves_of(rule)))
    for size in range(len(leaves) + 1):
        found = set()
        for chosen in combinations(leaves, size):
            others = [dict(zip(chosen, flips, strict=True)) for flips in _flips(size)]
            if any(value(rule, answers | other) is wanted for other in others):
                found.add(frozenset(chosen))
        if found:
            return found
    return set()


def _flips(size: int) -> list[tuple[Truth, ...]]:
    flips: list[tuple[Truth, ...]] = [()]
    for _ in range(size):
        flips = [(*one, truth) for one in flips for truth in (True, False)]
    return flips


@given(rule=_TREES, said=_ANSWERS, wanted=st.booleans())
@settings(max_examples=400, deadline=None)
def test_it_finds_the_smallest_sets_that_trying_finds(rule: Node, said: dict[str, Truth], wanted: bool) -> None:
    answers: dict[Leaf, Truth] = {ConsentLeaf(name): said.get(name) for name in "abcde"}
    leaf_at = dict(leaves_of(rule))
    told = repair(rule, truths(rule, answers), wanted=wanted)
    found = {frozenset(leaf_at[path] for path in paths) for paths in told.smallest}
    tried = by_trying(rule, answers, wanted=wanted)
    assert bool(found) == bool(tried)
    assert found <= tried
    if len(tried) <= MOST_SETS and len(set(leaf_at.values())) == len(leaf_at):
        assert found == tried


def test_an_any_asks_for_its_cheapest_child_and_a_tie_is_told_in_the_order_of_the_rule() -> None:
    rule = AllOf((AnyOf((AllOf((A, B)), C, D)), NotOf(ConsentLeaf("e"))))
    answers: dict[Leaf, Truth] = {A: False, B: None, C: False, D: None, ConsentLeaf("e"): False}
    told = repair(rule, truths(rule, answers), wanted=True)
    assert told.smallest == (("$.all[0].any[1]",), ("$.all[0].any[2]",))
    assert told.in_the_way == ("$.all[0].any[0].all[0]", "$.all[0].any[0].all[1]", "$.all[0].any[1]", "$.all[0].any[2]")


def test_a_condition_that_stands_twice_is_changed_once() -> None:
    rule = AllOf((AnyOf((A, B)), AnyOf((A, C))))
    told = repair(rule, truths(rule, {A: False, B: False, C: False}), wanted=True)
    assert told.smallest == (("$.all[0].any[0]",),)


def test_a_condition_that_helps_here_and_hurts_there_is_no_way_out() -> None:
    rule = AllOf((AnyOf((A, B)), NotOf(A)))
    told = repair(rule, truths(rule, {A: False, B: False}), wanted=True)
    assert told.smallest == (("$.all[0].any[1]",),)


def test_what_can_never_be_has_no_way_to_it() -> None:
    rule = AllOf((A, NotOf(A)))
    assert repair(rule, truths(rule, {A: None}), wanted=True).smallest == ()


@pytest.mark.parametrize("wanted", [True, False])
def test_unknown_is_in_the_way_of_either_answer(wanted: bool) -> None:
    assert repair(A, {ROOT: None}, wanted=wanted).in_the_way == (ROOT,)
