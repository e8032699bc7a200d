"""Sequences, sessions and repetitions that cannot be meant are refused, with a place and a sentence."""

from typing import Any

import pytest

from segments.rules.checker import review
from segments.rules.compiler import touch_keys
from segments.rules.parser import parse
from segments.rules.sentences import sentence
from tests.rules_spec.language import CATALOGUE

CART, ORDERED = {"event": "Cart Created"}, {"event": "Order Completed"}
NO_ORDER = ORDERED | {"absent": True, "within": "15m"}
BOUGHT = {"sequence": [CART, ORDERED], "within": "1d"}
LONG = {"session": {"gap": "30m"}, "measure": "duration", "op": ">", "value": "10m", "within": "1d"}
VISITS = LONG | {"measure": "count", "value": 3}
BROWSED = {"event": "Product Viewed", "measure": "count", "op": ">", "value": 3, "within": "10m"}
AGAIN = {"repeated": BROWSED, "times": 3, "within": "1d"}


def steps(*steps: Any) -> dict[str, Any]:
    return BOUGHT | {"sequence": list(steps)}


def without(rule: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in rule.items() if name != key}


def repeating(leaf: Any, **more: Any) -> dict[str, Any]:
    return AGAIN | {"repeated": leaf} | more


REFUSED: list[tuple[Any, str, str]] = [
    (without(BOUGHT, "within"), "$", 'needs "within"'),
    (BOUGHT | {"within": 1}, "$.within", "not a duration"),
    (BOUGHT | {"order": "any"}, "$.order", "does not take"),
    (BOUGHT | {"sequence": CART}, "$.sequence", "list of steps"),
    (steps(CART), "$.sequence", "2 to 10 steps"),
    (steps(*[CART] * 11), "$.sequence", "not 11"),
    (steps(CART, "Order Completed"), "$.sequence[1]", "object with an"),
    (steps(CART, ORDERED | {"evnt": 1}), "$.sequence[1].evnt", 'did you mean "event"'),
    (steps(CART, ORDERED | {"absent": "yes"}), "$.sequence[1].absent", "true or false"),
    (steps(CART, ORDERED | {"within": "soon"}), "$.sequence[1].within", "not a duration"),
    (steps(CART, {"event": ""}), "$.sequence[1].event", "takes a name"),
    (steps(CART | {"absent": True}, ORDERED), "$.sequence[0].absent", "has to happen"),
    (steps(CART | {"within": "1h"}, ORDERED), "$.sequence[0].within", "none before it"),
    (steps(CART, NO_ORDER | {"within": "24h"}), "$.within", "never true"),
    (steps(CART, NO_ORDER | {"within": "12h"}, CART, NO_ORDER | {"within": "12h"}), "$.within", "never true"),
    (steps(CART, {"event": "Order Complete"}), "$.sequence[1].event", 'did you mean "Order Completed"'),
    (
        steps(CART, ORDERED | {"where": {"property": "revenu", "op": ">", "value": 1}}),
        "$.sequence[1].where.property",
        'did you mean "revenue"',
    ),
    (steps(CART, ORDERED | {"where": {"trait": "age", "op": ">", "value": 1}}), "$.sequence[1].where", "outside where"),
    (without(LONG, "within"), "$", 'needs "within"'),
    (LONG | {"session": "30m"}, "$.session", 'object with a "gap"'),
    (LONG | {"session": {"gap": 30}}, "$.session.gap", "not a duration"),
    (LONG | {"session": {"gap": "30m", "pause": 1}}, "$.session.pause", "does not take"),
    (LONG | {"session": {"gap": "30m", "ended": 1}}, "$.session.ended", "true or false"),
    (LONG | {"session": {"gap": "30m", "events": "Page Viewed"}}, "$.session.events", "list of names"),
    (LONG | {"session": {"gap": "30m", "events": [5]}}, "$.session.events", "takes a name"),
    (LONG | {"session": {"gap": "30m", "events": ["Page View"]}}, "$.session.events[0]", 'mean "Page Viewed"'),
    (without(LONG, "measure"), "$", 'needs "measure"'),
    (LONG | {"measure": "length"}, "$.measure", "not a measure of sessions"),
    (LONG | {"op": "in", "value": ["10m"]}, "$.op", "cannot be asked"),
    (LONG | {"value": 600}, "$.value", "not a duration"),
    (LONG | {"op": "between", "value": ["10m", "5m"]}, "$.value", "lower value first"),
    (VISITS | {"value": 1.5}, "$.value", "whole numbers"),
    (VISITS | {"value": -1}, "$.value", "whole numbers"),
    (VISITS | {"value": "10m"}, "$.value", "whole numbers"),
    (VISITS | {"value": {"percentile": 80}}, "$.value", "not with the population"),
    (without(AGAIN, "times"), "$", '"times" is a whole number'),
    (AGAIN | {"times": 0}, "$.times", "from 1 to 1,000"),
    (AGAIN | {"times": True}, "$.times", "from 1 to 1,000"),
    (without(AGAIN, "within"), "$", 'needs "within"'),
    (repeating({"trait": "age", "op": "=", "value": 1}), "$.repeated", "one event or one session"),
    (repeating([BROWSED]), "$.repeated", "not a list"),
    (repeating(AGAIN), "$.repeated", "one event or one session"),
    (repeating(without(BROWSED, "within")), "$.repeated", '"within" of its own'),
    (repeating(LONG), "$.repeated.within", "leave this one out"),
    (repeating(without(VISITS, "within")), "$.repeated.measure", "by itself"),
    (repeating(BROWSED | {"value": {"percentile": 80}}), "$.repeated.value", "not with the population"),
    (
        repeating(BROWSED | {"measure": "distinct", "of": "category"}),
        "$.repeated.measure",
        "Only count or sum can be repeated",
    ),
    (repeating(BROWSED | {"event": "Product View"}), "$.repeated.event", 'did you mean "Product Viewed"'),
    (repeating(BROWSED | {"value": "3"}), "$.repeated.value", "compared with a number"),
]


@pytest.mark.parametrize(("rule", "path", "told"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_meant_is_refused_at_its_place(rule: Any, path: str, told: str) -> None:
    problems = review(rule, catalogue=CATALOGUE).problems
    assert any(problem.path == path and told in problem.message for problem in problems), problems


def test_a_sequence_that_contains_itself_is_refused() -> None:
    where: dict[str, Any] = {}
    where["all"] = [where]
    assert review(steps(CART, ORDERED | {"where": where}), catalogue=CATALOGUE).problems
    again = dict(AGAIN)
    again["repeated"] = again
    assert review(again, catalogue=CATALOGUE).problems


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (BOUGHT, "in the last day there was “Cart Created”, then “Order Completed”"),
        (
            steps(CART, NO_ORDER),
            "in the last day there was “Cart Created”, then no “Order Completed” for at least 15 minutes up to now",
        ),
        (
            steps(CART, ORDERED | {"absent": True}, CART | {"within": "1h"}),
            "in the last day there was “Cart Created”, then no “Order Completed”, then within 1 hour “Cart Created”",
        ),
        (
            LONG,
            "a session that lasted more than 10 minutes began in the last day (ended by a pause of 30 minutes)",
        ),
        (
            VISITS | {"session": {"gap": "30m", "events": ["Page Viewed"], "ended": True}, "op": "<"},
            "fewer than 3 finished sessions of “Page Viewed” began in the last day (ended by a pause of 30 minutes)",
        ),
        (
            repeating(without(LONG, "within") | {"measure": "pages", "value": 5}),
            "at least 3 sessions with more than 5 pages began in the last day (ended by a pause of 30 minutes)",
        ),
        (
            AGAIN,
            "at least 3 times in the last day it became true that “Product Viewed” happened more than 3 times in the "
            "last 10 minutes",
        ),
    ],
)
def test_it_reads_as_english(rule: dict[str, Any], said: str) -> None:
    assert sentence(parse(rule)) == said


@pytest.mark.parametrize(
    ("rule", "keys"),
    [
        (BOUGHT, {"event:Cart Created", "event:Order Completed"}),
        (LONG, {"event:*"}),
        (LONG | {"session": {"gap": "30m", "events": ["Page Viewed"]}}, {"event:Page Viewed"}),
        (AGAIN, {"event:Product Viewed"}),
    ],
)
def test_its_touch_keys_are_the_events_that_it_looks_at(rule: dict[str, Any], keys: set[str]) -> None:
    assert touch_keys(parse(rule)) == keys


def test_only_less_than_so_many_sessions_is_true_of_nobody_at_all() -> None:
    few = VISITS | {"op": "<"}
    assert [warning.code for warning in review(few, catalogue=CATALOGUE).warnings] == ["true_without_data"]
    for rule in (BOUGHT, LONG, AGAIN, steps(CART, NO_ORDER)):
        assert review(rule, catalogue=CATALOGUE).warnings == ()
