"""What the compiled statement offers besides the answers."""

from decimal import Decimal
from typing import Any

import pytest

from profiles.facts.people import Consent, Event, Person
from segments.rules import compiler
from segments.rules.compiler import TooManyRules, compile, touch_keys
from segments.rules.explain import explain
from segments.rules.parser import Refused, parse
from segments.rules.sentences import sentence
from segments.rules.vocabulary import Catalogue
from tests.rules_spec.engines import Postgres, Question, compiled
from tests.rules_spec.language import CATALOGUE, NOW, moment

VIEWED = {"event": "Product Viewed", "measure": "count", "op": ">", "value": 1, "within": "10m"}
SPENT = {"event": "Order Completed", "measure": "sum", "of": "revenue", "op": ">=", "value": 100}
GERMAN = {"trait": "country", "op": "=", "value": "DE"}
ALL = {"all": [GERMAN, {"not": {"any": [VIEWED, SPENT]}}, {"consent": "marketing"}]}

PERSON = Person(
    traits={"country": "FR"},
    events=(
        Event("Product Viewed", moment("1m ago"), 1),
        Event("Product Viewed", moment("2m ago"), 2),
        Event("Order Completed", moment("2d ago"), 3, {"revenue": 19.99}),
    ),
    consents={"marketing": Consent(granted=True)},
)


def without_window(rule: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key != "within"}


def question(**rules: dict[str, Any]) -> Question:
    return Question({key: parse(rule) for key, rule in rules.items()}, {1: PERSON}, NOW, CATALOGUE)


def test_an_explanation_tells_every_node_with_what_was_seen(postgres: Postgres) -> None:
    asked = question(rule=ALL)
    statement = compiled(asked, leaves=True)
    (row,) = postgres.rows(asked, statement, ids=[1])
    told = explain(asked.rules["rule"], statement.leaf_values(rule="rule", row=row))
    german, neither, consent = told.children
    viewed, spent = neither.children[0].children
    assert [told.value, german.value, neither.value, viewed.value, spent.value, consent.value] == [
        False,
        False,
        False,
        True,
        False,
        True,
    ]
    assert (german.path, german.observed) == ("$.all[0]", "FR")
    assert (viewed.path, viewed.observed) == ("$.all[1].not.any[0]", 2)
    assert spent.observed == Decimal("19.99")
    assert viewed.sentence == "“Product Viewed” happened more than 1 time in the last 10 minutes"


def test_what_was_seen_is_the_measured_value_or_the_moment_that_decides(postgres: Postgres) -> None:
    """How long ago something was changes all the time, so the moment is told instead."""
    ever = without_window(VIEWED)
    rules = {
        "avg": SPENT | {"measure": "avg"},
        "days": ever | {"measure": "distinct_days"},
        "since": {"event": "Product Viewed", "measure": "since_first", "op": "<", "value": "1h"},
        "new": {"lifecycle": "first_time", "event": "Order Completed", "within": "7d"},
        "trend": {"trend": {"event": "Product Viewed", "measure": "count", "within": "90s"}, "op": ">", "value": 1},
        "none": ever | {"event": "Order Completed", "measure": "last", "of": "category", "op": "=", "value": "x"},
    }
    asked = question(**rules)
    statement = compiled(asked, leaves=True)
    (row,) = postgres.rows(asked, statement, ids=[1])
    seen = {key: explain(asked.rules[key], statement.leaf_values(rule=key, row=row)) for key in rules}
    assert {key: (told.value, told.observed) for key, told in seen.items()} == {
        "avg": (False, Decimal("19.99")),
        "days": (False, 1),
        "since": (True, moment("2m ago")),
        "new": (True, moment("2d ago")),
        "trend": (False, Decimal(1)),
        "none": (None, None),
    }


def test_what_can_change_a_stage_of_life_is_either_event() -> None:
    rule = {"lifecycle": "not_since", "event": "Product Viewed", "not_since": "Order Completed"}
    assert touch_keys(parse(rule)) == {"event:Product Viewed", "event:Order Completed"}


def test_equal_leaves_are_one_column_for_all_rules() -> None:
    statement = compiled(question(one=VIEWED, two={"not": VIEWED}, three={"all": [GERMAN, VIEWED]}), leaves=True)
    columns = {leaf.value for leaves in statement.leaves.values() for leaf in leaves}
    assert len(columns) == 2
    assert statement.sql.count("Product Viewed") < 6


def test_touch_keys_name_all_that_can_change_the_answer() -> None:
    assert touch_keys(parse(ALL)) == {
        "trait:country",
        "event:Product Viewed",
        "event:Order Completed",
        "consent:marketing",
    }


def test_the_same_rules_compile_to_the_same_text() -> None:
    """The text is the fingerprint of everything a decision depends on, so it must not vary by itself."""
    rules = {"rule": parse({"all": [GERMAN, VIEWED, SPENT]})}
    assert compile(rules, catalogue=CATALOGUE).sql == compile(rules, catalogue=CATALOGUE).sql


def test_a_name_that_left_the_catalogue_is_refused_with_the_rules_key() -> None:
    with pytest.raises(Refused, match=r"vip: \$\.trait"):
        compile({"vip": parse(GERMAN)}, catalogue=Catalogue())


def test_many_rules_are_decided_part_by_part(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = {
        f"r{number}": VIEWED | {"op": "=", "value": number % 4, "within": f"{number * 20}s"} for number in range(1, 12)
    }
    asked = question(**rules)
    whole = compiled(asked)
    monkeypatch.setattr(compiler, "_COLUMNS_PER_PART", 20)
    parts = compile(asked.rules, catalogue=CATALOGUE)
    assert parts.sql.count("GROUP BY") == 4 * whole.sql.count("GROUP BY")
    assert postgres.rows(asked, parts, ids=[1]) == postgres.rows(asked, whole, ids=[1])


def test_parts_that_read_no_events_are_one_statement_too(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = question(**{f"r{number}": GERMAN | {"value": value} for number, value in enumerate(("DE", "FR", "IT"))})
    whole = compiled(asked)
    monkeypatch.setattr(compiler, "_COLUMNS_PER_PART", 6)
    parts = compile(asked.rules, catalogue=CATALOGUE)
    assert parts.sql != whole.sql
    assert postgres.rows(asked, parts, ids=[1]) == postgres.rows(asked, whole, ids=[1])


def test_more_rules_than_a_row_can_hold_are_refused() -> None:
    rules = {f"r{number}": parse(GERMAN) for number in range(900)}
    with pytest.raises(TooManyRules):
        compile(rules, catalogue=CATALOGUE)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (GERMAN, "country is “DE”"),
        (GERMAN | {"op": "not_in", "value": ["DE", "AT", "CH"]}, "country is known and not “DE”, “AT” or “CH”"),
        ({"trait": "age", "op": "between", "value": [30, 50.5]}, "age is between 30 and 50.5"),
        ({"trait": "signed_up_at", "op": "within_last", "value": "1d"}, "signed_up_at lies in the 1 day up to now"),
        ({"trait": "age", "op": "missing"}, "age is not known"),
        (
            {"not": {"all": [GERMAN, {"consent": "marketing"}]}},
            "it is false that (country is “DE” and consent to marketing is in force)",
        ),
        (VIEWED | {"op": "=", "value": 0}, "“Product Viewed” did not happen in the last 10 minutes"),
        (VIEWED | {"op": ">=", "value": 1}, "“Product Viewed” happened in the last 10 minutes"),
        (VIEWED | {"op": "<", "value": 3}, "“Product Viewed” happened fewer than 3 times in the last 10 minutes"),
        (VIEWED | {"within": "1d"}, "“Product Viewed” happened more than 1 time in the last day"),
        (
            without_window(VIEWED) | {"from": "2026-01-01", "to": "2026-02-01"},
            "“Product Viewed” happened more than 1 time from 2026-01-01 up to, not including, 2026-02-01",
        ),
        (
            SPENT | {"measure": "avg", "within": "30d"},
            "the average revenue of “Order Completed” in the last 30 days is at least 100",
        ),
        (
            VIEWED | {"measure": "distinct", "of": "category", "op": "<", "value": 3},
            "“Product Viewed” has fewer than 3 different values of category in the last 10 minutes",
        ),
        (
            VIEWED | {"measure": "distinct_days", "op": "=", "value": 1, "within": "7d"},
            "“Product Viewed” happened on exactly 1 day in the last 7 days",
        ),
        (
            without_window(VIEWED) | {"measure": "last", "of": "category", "op": "ends_with", "value": "es"},
            "the latest category of “Product Viewed” ends with “es”",
        ),
        (
            {"event": "Order Completed", "measure": "since_last", "op": ">", "value": "30d"},
            "the latest “Order Completed” lies more than 30 days back",
        ),
        (
            {"lifecycle": "returned", "event": "Order Completed", "within": "7d", "after": "30d"},
            "“Order Completed” happened in the last 7 days again after a pause of at least 30 days",
        ),
        (
            {"trend": {"event": "Order Completed", "measure": "count", "within": "7d"}, "op": ">=", "value": 1.5},
            "how often “Order Completed” happened in the last 7 days is at least 1.5 times that of the 7 days before",
        ),
        (
            SPENT
            | {
                "where": {
                    "any": [
                        {"property": "revenue", "op": ">", "value": 5},
                        {"property": "revenue", "op": "exists"},
                    ]
                }
            },
            "revenue of “Order Completed” where (revenue is more than 5 or revenue is known) comes to at least 100 in "
            "total",
        ),
    ],
)
def test_a_rule_reads_as_english(rule: dict[str, Any], said: str) -> None:
    assert sentence(parse(rule)) == said


def test_texts_compare_alike_whatever_the_databases_language() -> None:
    """A server with another collation than C would order, and so decide, differently."""
    condition = {"property": "category", "op": "<", "value": "m"}
    sql = compiled(question(rule={"all": [GERMAN, VIEWED | {"where": condition}]})).sql
    assert sql.count('COLLATE "C"') == sql.count("= 'string'") > 1
