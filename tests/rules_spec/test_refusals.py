"""What is not a rule is refused with a sentence and a place, all of it at once."""

from typing import Any

import pytest

from segments.rules.checker import TRUE_WITHOUT_DATA, check, review
from segments.rules.parser import Refused, parse
from tests.rules_spec.language import CATALOGUE

VIEWED = {"event": "Product Viewed", "measure": "count", "op": ">", "value": 3}
SPENT = {"event": "Order Completed", "measure": "sum", "of": "revenue", "op": ">", "value": 3}
RECENT = {"event": "Order Completed", "measure": "since_last", "op": ">", "value": "30d"}
NEW = {"lifecycle": "first_time", "event": "Order Completed", "within": "7d"}
TREND: dict[str, Any] = {
    "trend": {"event": "Order Completed", "measure": "count", "within": "7d"}, "op": ">=", "value": 2,
}  # fmt: skip
COUNTRY = {"trait": "country", "op": "=", "value": "DE"}


def without(rule: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key not in keys}


def viewed_where(**condition: Any) -> dict[str, Any]:
    return VIEWED | {"where": condition}


REFUSED: list[tuple[Any, str, str]] = [
    # shape
    (None, "$", "not null"),
    ([COUNTRY], "$", "not a list"),
    ({}, "$", "Expected one of"),
    ({"al": [COUNTRY]}, "$", 'did you mean "all"'),
    ({"all": [COUNTRY], "any": [COUNTRY]}, "$", "cannot stand together"),
    ({"all": []}, "$.all", "at least one"),
    ({"any": COUNTRY}, "$.any", "takes a list"),
    ({"not": [COUNTRY]}, "$.not", "not a list"),
    ({"property": "price", "op": "=", "value": 1}, "$", "inside where"),
    (viewed_where(trait="country", op="=", value="DE"), "$.where", "outside where"),
    ({"context": "os", "op": "exists"}, "$", "inside where"),
    (viewed_where(context="cuntry", op="=", value="DE"), "$.where.context", 'did you mean "country"'),
    (viewed_where(context="device_type", op="in", value=["tv", "phone"]), "$.where.value[1]", "is no device type"),
    (viewed_where(context="local_hour", op="=", value=24), "$.where.value", "from 0 to 23"),
    (viewed_where(context="local_hour", op="exists"), "$.where.op", "cannot be asked"),
    (viewed_where(context="local_weekday", op="<", value="monday"), "$.where.op", "cannot be asked"),
    (COUNTRY | {"valeu": 1}, "$.valeu", 'did you mean "value"'),
    (COUNTRY | {"a b": 1}, '$["a b"]', "does not take"),
    (without(COUNTRY, "op"), "$", 'needs an "op"'),
    (without(COUNTRY, "value"), "$", 'needs a "value"'),
    (COUNTRY | {"op": "=="}, "$.op", "not an operator"),
    (COUNTRY | {"op": ["="]}, "$.op", "not an operator"),
    (COUNTRY | {"op": "exists"}, "$.value", "takes no value"),
    (COUNTRY | {"value": None}, "$.value", "missing"),
    (COUNTRY | {"value": {"a": 1}}, "$.value", "from the population"),
    (COUNTRY | {"value": "a\x00"}, "$.value", "cannot be stored"),
    (COUNTRY | {"value": "\ud800"}, "$.value", "cannot be stored"),
    (COUNTRY | {"value": "x" * 1001}, "$.value", "too long"),
    (COUNTRY | {"op": "in", "value": []}, "$.value", "between 1 and"),
    (COUNTRY | {"op": "in", "value": "DE"}, "$.value", "takes a list"),
    (COUNTRY | {"op": "in", "value": ["DE", None]}, "$.value[1]", "missing"),
    (COUNTRY | {"op": "between", "value": ["a"]}, "$.value", "two values"),
    ({"trait": "", "op": "exists"}, "$.trait", "empty text"),
    ({"trait": "age", "op": "=", "value": float("nan")}, "$.value", "out of range"),
    ({"trait": "age", "op": "=", "value": 1e30}, "$.value", "out of range"),
    ({"trait": "age", "op": "=", "value": 1e-10}, "$.value", "too fine"),
    (without(VIEWED, "measure"), "$", 'needs "measure"'),
    (VIEWED | {"measure": "mean"}, "$.measure", "not a measure"),
    (VIEWED | {"of": "price"}, "$.of", 'takes no "of"'),
    (without(SPENT, "of"), "$", 'needs "of"'),
    (VIEWED | {"within": "10 m"}, "$.within", "not a duration"),
    (VIEWED | {"within": "0d"}, "$.within", "not a duration"),
    (VIEWED | {"within": "1w"}, "$.within", "not a duration"),
    (VIEWED | {"within": 10}, "$.within", "not a duration"),
    (VIEWED | {"within": "3661d"}, "$.within", "not longer"),
    (VIEWED | {"within": "1d", "from": "2026-01-01"}, "$.within", "not both"),
    (VIEWED | {"from": 2026}, "$.from", "ISO-8601"),
    ({"consent": 5}, "$.consent", "takes a name"),
    (COUNTRY | {"op": "contains", "value": ""}, "$.value", "not empty"),
    (COUNTRY | {"op": "matches", "value": "(?i)de"}, "$.value", "read alike"),
    (COUNTRY | {"op": "matches", "value": "("}, "$.value", "not closed"),
    (without(SPENT, "of") | {"measure": "avg"}, "$", 'needs "of"'),
    (SPENT | {"measure": "distinct_days"}, "$.of", 'takes no "of"'),
    (RECENT | {"within": "7d"}, "$", "all of the past"),
    (RECENT | {"value": 30}, "$.value", "not a duration"),
    (RECENT | {"value": {"percentile": 80}}, "$.value", "duration"),
    (RECENT | {"op": "between", "value": ["2d", "1d"]}, "$.value", "lower value first"),
    (RECENT | {"op": "="}, "$.op", "cannot be asked"),
    (NEW | {"lifecycle": "frist_time"}, "$.lifecycle", 'did you mean "first_time"'),
    (without(NEW, "within"), "$", 'needs "within"'),
    (without(NEW, "event"), "$", 'needs an "event"'),
    (NEW | {"after": "30d"}, "$.after", 'belongs to "returned"'),
    (NEW | {"not_since": "Product Viewed"}, "$.not_since", "belongs to the stage"),
    (NEW | {"lifecycle": "returned"}, "$", 'needs "after"'),
    (NEW | {"lifecycle": "not_since"}, "$", 'needs "not_since"'),
    (NEW | {"lifecycle": "not_since", "not_since": 5}, "$.not_since", "takes the name of an event"),
    (NEW | {"op": ">"}, "$.op", "does not take"),
    (TREND | {"trend": "Order Completed"}, "$.trend", 'takes an "event"'),
    (TREND | {"trend": without(TREND["trend"], "within")}, "$.trend", 'needs "within"'),
    (TREND | {"trend": TREND["trend"] | {"measure": "avg"}}, "$.trend.measure", "has no trend"),
    (TREND | {"trend": TREND["trend"] | {"measure": "sum"}}, "$.trend", 'needs "of"'),
    (TREND | {"trend": TREND["trend"] | {"from": "2026-01-01"}}, "$.trend.from", "does not take"),
    # names and types
    ({"trait": "contry", "op": "=", "value": "DE"}, "$.trait", 'did you mean "country"'),
    ({"not": {"consent": "marketng"}}, "$.not.consent", 'did you mean "marketing"'),
    (VIEWED | {"event": "Product Veiwed"}, "$.event", 'did you mean "Product Viewed"'),
    (SPENT | {"of": "revenu"}, "$.of", 'did you mean "revenue"'),
    (viewed_where(property="colour", op="=", value="red"), "$.where.property", "no property"),
    (viewed_where(all=[{"property": "price", "op": "=", "value": "5"}]), "$.where.all[0].value", "type number"),
    ({"event": "Product Viewed", "measure": "sum", "of": "category", "op": "=", "value": 1}, "$.of", "Only numbers"),
    ({"trait": "age", "op": "=", "value": "30"}, "$.value", "type number"),
    ({"trait": "age", "op": "=", "value": True}, "$.value", "type number"),
    ({"trait": "age", "op": "in", "value": [1, "2"]}, "$.value[1]", "type number"),
    ({"trait": "country", "op": "=", "value": 49}, "$.value", "type text"),
    ({"trait": "country", "op": "before", "value": "2026-01-01"}, "$.op", "cannot be asked"),
    ({"trait": "newsletter", "op": "<", "value": True}, "$.op", "cannot be asked"),
    ({"trait": "tags", "op": "=", "value": "a"}, "$.op", "cannot be asked"),
    ({"trait": "signed_up_at", "op": "before", "value": "2026-02-30"}, "$.value", "write 2026-01-31"),
    ({"trait": "signed_up_at", "op": "within_last", "value": "soon"}, "$.value", "not a duration"),
    ({"trait": "age", "op": "between", "value": [5, 1]}, "$.value", "lower value first"),
    ({"trait": "signed_up_at", "op": "between", "value": ["2026-02-01", "2026-01-01"]}, "$.value", "lower value first"),
    (VIEWED | {"op": "exists"}, "$.value", "takes no value"),
    (without(VIEWED, "value") | {"op": "exists"}, "$.op", "cannot be asked"),
    (VIEWED | {"value": 2.5}, "$.value", "whole number"),
    (VIEWED | {"measure": "distinct", "of": "price", "value": 2.5}, "$.value", "whole number"),
    (VIEWED | {"measure": "avg", "of": "category"}, "$.of", "Only numbers"),
    (VIEWED | {"measure": "max", "of": "category", "value": "a"}, "$.of", "Only numbers or moments"),
    (VIEWED | {"measure": "last", "of": "category"}, "$.value", "type text"),
    (VIEWED | {"measure": "last", "of": "in_stock", "value": True}, "$.op", "cannot be asked"),
    (without(VIEWED, "value") | {"measure": "last", "of": "price", "op": "exists"}, "$.op", "cannot be asked"),
    (VIEWED | {"measure": "last", "of": "released", "op": "within_last", "value": "1d"}, "$.op", "cannot be asked"),
    (COUNTRY | {"trait": "age", "op": "contains", "value": "1"}, "$.op", "cannot be asked"),
    (NEW | {"event": "Odrer Completed"}, "$.event", 'did you mean "Order Completed"'),
    (NEW | {"from": "yesterday"} | {"within": "1d"}, "$.within", "not both"),
    (NEW | {"lifecycle": "not_since", "not_since": "Prodct Viewed"}, "$.not_since", "no event"),
    (TREND | {"value": "2"}, "$.value", "compared with a number"),
    (TREND | {"value": {"percentile": 80}}, "$.value", "its own past"),
    (TREND | {"trend": TREND["trend"] | {"event": "Order"}}, "$.trend.event", "no event"),
    (TREND | {"op": "exists"}, "$.value", "takes no value"),
    (VIEWED | {"value": -1}, "$.value", "whole number"),
    (VIEWED | {"value": "3"}, "$.value", "compared with a number"),
    (VIEWED | {"from": "yesterday"}, "$.from", "not a date"),
    (VIEWED | {"from": "2026-02-01", "to": "2026-02-01"}, "$.to", "ends before it begins"),
]


@pytest.mark.parametrize(("document", "path", "words"), REFUSED)
def test_it_is_refused_where_it_is_wrong(document: Any, path: str, words: str) -> None:
    problems = review(document, catalogue=CATALOGUE).problems
    assert [problem for problem in problems if problem.path == path and words in problem.message], problems
    assert len(problems) == 1


def test_every_problem_is_told_at_once() -> None:
    document = {"all": [COUNTRY | {"op": "=="}, {"trait": "aeg", "op": "missing"}, VIEWED | {"within": "x"}]}
    assert [problem.path for problem in review(document, catalogue=CATALOGUE).problems] == [
        "$.all[0].op",
        "$.all[2].within",
        "$.all[1].trait",
    ]


def test_parsing_raises_with_the_problems() -> None:
    with pytest.raises(Refused, match=r"\$\.all") as refused:
        parse({"all": []})
    assert refused.value.problems[0].path == "$.all"


def test_depth_and_size_are_bounded() -> None:
    deep: Any = COUNTRY
    for _ in range(10_000):
        deep = {"not": deep}
    assert "8 levels" in review(deep, catalogue=CATALOGUE).problems[0].message
    wide = {"any": [{"any": [COUNTRY] * 100}] * 3}
    assert ["200 parts" in problem.message for problem in review(wide, catalogue=CATALOGUE).problems] == [True]


def test_a_rule_that_contains_itself_is_refused() -> None:
    circle: dict[str, Any] = {}
    circle["all"] = [COUNTRY, {"not": circle}]
    (problem,) = review(circle, catalogue=CATALOGUE).problems
    assert (problem.path, "contains itself" in problem.message) == ("$.all[1].not", True)


@pytest.mark.parametrize(
    ("rule", "warned"),
    [
        (COUNTRY, False),
        ({"not": COUNTRY}, False),
        ({"trait": "country", "op": "missing"}, True),
        (VIEWED, False),
        (VIEWED | {"op": "<", "within": "10m"}, True),
        ({"not": VIEWED}, True),
        (SPENT | {"op": "<="}, True),
        (SPENT | {"op": "<=", "measure": "avg"}, False),
        (RECENT, False),
        ({"not": RECENT}, False),
        (NEW, False),
        ({"not": NEW}, True),
        (TREND | {"op": "<"}, False),
        ({"consent": "marketing"}, False),
        ({"not": {"consent": "marketing"}}, False),
        ({"all": [COUNTRY, {"not": VIEWED}]}, False),
    ],
)
def test_its_author_is_warned_if_it_is_true_for_nobody_known(rule: dict[str, Any], warned: bool) -> None:
    findings = check(parse(rule), catalogue=CATALOGUE)
    assert findings.ok
    assert findings.warnings == ((TRUE_WITHOUT_DATA,) if warned else ())
